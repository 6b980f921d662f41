"""Bodies of requests: read whole within a limit, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from dsflow.serving.errors import BadRequestError, BodyTooLargeError, TooBusyError

MAX_BODY = 16 * 1024 * 1024
"""Bytes that the body of one request may have."""

MAX_ARRIVING = 512 * 1024 * 1024
"""Bytes that bodies which have not arrived whole may have, of all clients of this process together."""

_arriving = 0


class ClientGoneError(Exception):
    """The client hung up before its request was complete."""


async def read_body(receive: Callable[[], Awaitable[Any]]) -> bytes:
    """The body of a request, from ASGI's ``receive``.

    Raises:
        BodyTooLargeError: it has more than ``MAX_BODY`` bytes.
        TooBusyError: the bodies that are arriving have more than ``MAX_ARRIVING`` bytes.
        ClientGoneError: the client hung up.
    """
    global _arriving
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    if not message.get("more_body"):
        if len(body) > MAX_BODY:
            raise _too_large()
        return body
    parts = bytearray(body)
    _arriving += len(body)
    try:
        while message.get("more_body"):
            if len(parts) > MAX_BODY:
                raise _too_large()
            if _arriving > MAX_ARRIVING:
                raise TooBusyError
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part: bytes = message.get("body", b"")
            _arriving += len(part)
            parts += part
    finally:
        _arriving -= len(parts)
    if len(parts) > MAX_BODY:
        raise _too_large()
    return bytes(parts)


def read_json(body: bytes) -> object:
    """A body as JSON, whatever content type the client says.

    Raises:
        BadRequestError: it is empty or not JSON.
    """
    if not body.strip():
        raise BadRequestError("the request has no body", hint="send JSON; GET /schema tells what a row looks like")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadRequestError(f"the body of the request is not JSON: {text}") from error


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(
        "the body of the request is too large", hint=f"send at most {MAX_BODY // 2**20} MiB at a time"
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; send null for a value that is not known")
