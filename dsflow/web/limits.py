"""What one client may take of the server: bytes, rows, time, connections."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

# what is wrong with a request its client is told; it must not fill the log
_log = logging.getLogger("dsflow.web.http")
_log.setLevel(logging.ERROR)

_READ_AT_LEAST = 64 * 1024
"""Bytes of an answer that a client takes within a request's time, unless it has all of it by then."""


@dataclass(frozen=True)
class Limits:
    """What the server takes.

    Attributes:
        header: bytes of a request's line and headers, and of what may stand between two chunks of its body and behind.
        request_seconds: in which a request must have arrived whole, from the connection or its first byte on; and after
            which a client that does not read its answer is cut off.
        connections: open at the same time.
        keep_alive_seconds: that a connection may be idle between two requests.
    """

    header: int = 32 * 1024
    request_seconds: float = 30.0
    connections: int = 1000
    keep_alive_seconds: int = 75


def limited_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """uvicorn's protocol with these limits, which uvicorn does not have with httptools.

    A request that arrives whole at once, as nearly all do, costs no timer.
    """

    class Limited(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _in_head = False
        _in_message = False
        _head = 0
        _between = 0
        _messages = 0
        _watch: asyncio.TimerHandle | None = None
        _unread = 0
        _refused: tuple[int, str, str] | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.logger = _log
            if len(self.connections) > limits.connections:
                self._refuse(503, "there are too many connections", "ask again in a moment")
            else:
                self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            if self._watch is not None:
                self._watch.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused is not None:
                return
            before, in_message = self._messages, self._in_message
            if in_message and not self._in_head:
                self._between += len(data)
            else:
                self._head += len(data)
            super().data_received(data)
            if self.transport.is_closing():
                return
            if (self._in_head and self._head > limits.header) or (self._in_message and self._between > limits.header):
                self._refuse(431, "the headers of the request are too large", f"send at most {limits.header} bytes")
            elif self._in_message or (not in_message and self._messages == before):  # or empty lines, and no request
                if self._timer is None:
                    self._arm()
            else:
                self._head = 0
                self._disarm()

        def on_message_begin(self) -> None:
            self._in_head = self._in_message = True
            self._messages += 1
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:  # what comes behind the body is left out
                super().on_header(name, value)

        def on_chunk_header(self) -> None:
            self._between = 0

        def on_body(self, body: bytes) -> None:
            self._between = 0
            super().on_body(body)

        def on_headers_complete(self) -> None:
            self._in_head = False
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            self._head = self._between = 0
            if size > limits.header:
                self._refused = 431, "the headers of the request are too large", f"send at most {limits.header} bytes"
                raise ValueError("headers too large")  # httptools hands it on as an error of its own
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_message = False
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            refused = self._refused or (400, "the request is not HTTP/1.1", "is something between that changes it?")
            self._refuse(*refused)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch_reading()

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()  # which waits until what is left has been read
            self._watch_reading()

        def _watch_reading(self) -> None:
            if self._watch is None and (unread := self.transport.get_write_buffer_size()):
                self._unread = unread
                self._watch = self.loop.call_later(limits.request_seconds, self._look_at_reading)

        def _look_at_reading(self) -> None:
            self._watch = None
            if self.transport.get_write_buffer_size() > max(0, self._unread - _READ_AT_LEAST):
                self.transport.abort()
            else:
                self._watch_reading()

        def _arm(self) -> None:
            self._timer = self.loop.call_later(limits.request_seconds, self._late)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            self._timer = None
            if not self._in_message and self.cycle is not None and not self.cycle.response_complete:
                self._arm()  # a request is being answered
                return
            self._refuse(408, "the request did not arrive in time", f"send it within {limits.request_seconds:g} s")

        def _refuse(self, status: int, error: str, hint: str) -> None:
            """Answer once and close, without asking the application."""
            self._refused = status, error, hint
            self._disarm()
            if self.transport.is_closing():
                return
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                body = json.dumps({"error": error, "hint": hint}).encode()
                more = b"retry-after: 1\r\n" if status == 503 else b""
                head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%b\r\n"
                self.transport.write(STATUS_LINE[status] + head % (len(body), more) + body)
            self.transport.close()

    return cast(Any, Limited)  # type: ignore[no-any-return]
