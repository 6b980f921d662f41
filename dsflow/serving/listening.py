"""Sockets that the prediction server listens on."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from dsflow.serving.errors import ServingError


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens.

    Args:
        host: an address, or a name.
        port: 0 takes a free one.
        shared: other sockets of this user may listen on the same port; the system shares connections out among them.

    Raises:
        ServingError: it cannot.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        listening.bind(address)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ServingError(
            f"cannot listen on {host}:{port}: {reason}", hint="is another server on this port? Port 0 takes a free one"
        ) from error
    return listening


def url_of(host: str, listening: socket.socket, tls: bool = False) -> str:
    """The base URL of a server that listens there."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{listening.getsockname()[1]}"
