"""Ports of the loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping

from dsflow.standalone.errors import PortTakenError, StandaloneError
from dsflow.standalone.model import PORTS

LOOPBACK = "127.0.0.1"
# below those that systems give to outgoing connections: one of them would take a port just found free
RANGE = range(15000, 32000)


def choose_ports(named: Mapping[str, int]) -> dict[str, int]:
    """A port for everything that listens: those that are named, else free ones.

    Raises:
        PortTakenError: something listens on one that is named.
        StandaloneError: two have the same number.
    """
    if len(set(named.values())) < len(named):
        raise StandaloneError("two of the ports that are named have the same number")
    for name, port in named.items():
        if not _is_free(port):
            raise PortTakenError(
                f"port {port}, which is to be the server's {name} port, is taken",
                hint="give another one, or leave it out: a free one is taken then",
            )
    ports = dict(named)
    for name in PORTS:
        if name not in ports:
            ports[name] = _free(set(ports.values()))
    return ports


def answers(port: int) -> bool:
    """Whether something listens on a port."""
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True


def _free(but: set[int]) -> int:
    for _ in range(1000):
        port = random.choice(RANGE)
        if port not in but and _is_free(port):
            return port
    raise StandaloneError(f"no free port between {RANGE.start} and {RANGE.stop} was found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: an old connection does not count
        try:
            probe.bind(("", port))  # DolphinScheduler's own calls are listened for on all addresses
        except OSError:
            return False
    return True
