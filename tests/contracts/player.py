"""A server that knows nothing but a recording, for REST and for the gateway."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.contracts.exchanges import Exchange, JsonDict, differences, request_of
from tests.contracts.normal import of_dsflow
from tests.integration.proxy import Exchange as Raw
from tests.integration.proxy import Gone, Stream, http_request, py4j_request

BASE = "/dolphinscheduler"
PATIENCE = 20.0  # seconds, for what another thread may be about to send
_Reader = Callable[[Stream], "tuple[Raw, bytes]"]


class ChangedError(Exception):
    """A request that is not as the recording has it."""


class Player:
    """Answers from a recording. A context manager; :attr:`rest` and :attr:`gateway` are its ports.

    A request is in order when the recording holds it and has an answer left, and when what the recording has before it
    has been sent, as far as one of the two changes something: reads may come in any order among themselves.

    Args:
        exchanges: the recording.
        patience: seconds that a request waits for another one that is to come before it.

    Attributes:
        complaint: '' or the first thing that was not in order, in words.
    """

    def __init__(self, exchanges: list[Exchange], patience: float = PATIENCE) -> None:
        self.complaint = ""
        self._exchanges = exchanges
        self._patience = patience
        self._sent: set[int] = set()
        self._changed = threading.Condition()
        self._servers = [_server(http_request, self._rest), _server(py4j_request, self._py4j)]
        self.rest, self.gateway = (int(server.server_address[1]) for server in self._servers)

    def __enter__(self) -> Player:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def rest_of_it(self) -> str:
        """'' or which exchanges of the recording have not been seen, in words."""
        missing = [e for number, e in enumerate(self._exchanges) if number not in self._sent]
        if not missing:
            return ""
        names = "".join(f"\n  {self._title(e)}" for e in missing[:10])
        return f"dsflow did not send what the recording has:{names}" + ("\n  ..." if len(missing) > 10 else "")

    # ---------------------------------------------------------------- answering

    def _rest(self, raw: Raw) -> bytes:
        request = request_of(raw, BASE)
        assert request is not None
        try:
            answer = self._take(request)
        except ChangedError:  # in a form that ends the command soon: a server that is away would be waited for
            answer = {"status": 200, "json": {"code": 1, "msg": "this is not as it was recorded"}}
        body = b"" if "json" not in answer else json.dumps(answer["json"], ensure_ascii=False).encode()
        kind = answer.get("type", "application/json")
        head = f"HTTP/1.1 {answer['status']} recorded\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body

    def _py4j(self, raw: Raw) -> bytes:
        request = request_of(raw, BASE)
        try:
            answer = "!yv" if request is None else self._take(request)
        except ChangedError:
            answer = "!xsthis is not as it was recorded"
        return f"{answer}\n".encode()

    def _take(self, request: JsonDict) -> Any:
        request = of_dsflow(request)
        with self._changed:
            if self.complaint:
                raise ChangedError
            number = self._find(request)
            if number is None:
                self._complain(self._unknown(request))
            assert number is not None
            end = time.monotonic() + self._patience
            while early := self._before(number):
                if not self._changed.wait(end - time.monotonic()):
                    self._complain(
                        f"{self._title(self._exchanges[number])} came too early: the recording has before it"
                        + "".join(f"\n  {self._title(e)}" for e in early)
                    )
                if self.complaint:
                    raise ChangedError
            self._sent.add(number)
            self._changed.notify_all()
            return self._exchanges[number].answer

    def _find(self, request: JsonDict) -> int | None:
        return next((n for n, e in enumerate(self._exchanges) if n not in self._sent and e.request == request), None)

    def _before(self, number: int) -> list[Exchange]:
        """What should have been sent before an exchange, and has not been."""
        one = self._exchanges[number]
        return [
            other
            for n, other in enumerate(self._exchanges[:number])
            if n not in self._sent and (one.writes or other.writes) and other not in one.beside
        ]

    # ---------------------------------------------------------------- complaining

    def _complain(self, text: str) -> None:
        self.complaint = self.complaint or text
        self._changed.notify_all()
        raise ChangedError

    def _unknown(self, request: JsonDict) -> str:
        """Which exchange of the recording a request was to be, and where it differs."""
        came = Exchange(request)
        left = [e for n, e in enumerate(self._exchanges) if n not in self._sent]
        same = [e for e in left if e.name == came.name]
        if same:
            likest = min(same, key=lambda e: len(list(differences(e.request, request))))
            lines = "".join(f"\n  {line}" for line in differences(likest.request, request))
            return f"{self._title(likest)} has changed:{lines}"
        text = json.dumps(request, ensure_ascii=False)
        expected = "".join(f"\n  {self._title(e)}" for e in left[:3])
        again = any(e.name == came.name for e in self._exchanges)
        return (
            f"{came.name} is not in the recording" + (" once more" if again else "") + f": {text}\n"
            f"it goes on with{expected or ' nothing'}"
        )

    def _title(self, exchange: Exchange) -> str:
        return f"exchange {self._exchanges.index(exchange) + 1}, {exchange.name},"


def _server(read: _Reader, answer: Callable[[Raw], bytes]) -> socketserver.ThreadingTCPServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            stream = Stream(self.request)
            try:
                while True:
                    raw, _ = read(stream)
                    self.request.sendall(answer(raw))
            except (Gone, OSError):
                pass  # the client has closed

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    return Server(("127.0.0.1", 0), Handler)
