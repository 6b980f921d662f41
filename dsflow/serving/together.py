"""Several worker processes that serve the same: an update reaches all of them or none.

`Together` is what an update sees of the others. A server of one process has `Alone`; a worker of ``--workers N`` has a
`Link` to its parent (`dsflow.serving.workers`), which passes messages on and lets one update at a time through. The
steps of an update, for the worker that was asked for it:

1. `exclusive`: nobody else updates;
2. it prepares the pair for itself: loads, checks, compares, warms up;
3. the model's copy is written into the model directory, and `prepare` has every other worker load it from there and ask
   the deployment once. If one cannot, `abort`, and the old pair stays with all;
4. the manifest is written: from here on the new pair is what any worker that starts serves;
5. it changes over, and `commit` has the others do so; each answers when it has. Only then the update is answered.

A worker that dies is started again and serves what the manifest says; if it was the one that updated, the others are
told to look at the manifest too, so that all serve what it says.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

from dsflow.serving.errors import NotServableError, ServingError

log = logging.getLogger("dsflow.serving")

MESSAGE_BYTES = 64 * 2**20
"""The longest message: a deployment's schema is in it."""

Handler = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""What a worker does when another says ``prepare``, ``commit``, ``abort``, ``shadow``, or the parent ``restore``."""


class Together(Protocol):
    """The other workers, for the one that updates; ``others`` says whether there can be any."""

    others: bool

    def exclusive(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Let one update at a time through, of all workers."""

    async def tell(self, what: str, about: Mapping[str, Any] | None = None) -> None:
        """Have every other worker do something; returns when all have.

        Raises:
            NotServableError: one could not.
        """

    async def start(self, handler: Handler) -> None:
        """Begin to listen to the others."""

    async def stop(self) -> None:
        """Stop listening."""


class Alone:
    """A server of one process: there is nobody to tell."""

    others = False

    def __init__(self) -> None:
        self._updating = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with self._updating:
            yield

    async def tell(self, what: str, about: Mapping[str, Any] | None = None) -> None:
        return

    async def start(self, handler: Handler) -> None:
        return

    async def stop(self) -> None:
        return


class Link:
    """One worker's line to the parent: a connected socket with one JSON message a line.

    Args:
        descriptor: of the socket.
        gone: called when the parent is gone; the worker must end then, since updates would not reach it.
    """

    others = True

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor, self._gone = descriptor, gone
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._doing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def start(self, handler: Handler) -> None:
        connected = socket.socket(fileno=self._descriptor)
        reader, self._writer = await asyncio.open_unix_connection(sock=connected, limit=MESSAGE_BYTES)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader, handler))

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._ask({"do": "lock"})
            try:
                yield
            finally:
                self._send({"do": "unlock"})

    async def tell(self, what: str, about: Mapping[str, Any] | None = None) -> None:
        errors = await self._ask({"do": "tell", "what": what, "about": dict(about or {})})
        if errors:
            raise NotServableError(f"another worker could not {what}: {errors[0]}", hint="the old pair stays")

    def ready(self) -> None:
        """Tell the parent that this worker answers."""
        self._send({"do": "ready"})

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _ask(self, message: dict[str, Any]) -> Any:
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"id": number} | message)
            return await future
        finally:
            del self._asked[number]

    async def _read(self, reader: asyncio.StreamReader, handler: Handler) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                message = json.loads(line)
                if message["do"] == "answer":
                    if (future := self._asked.get(message["id"])) is not None and not future.done():
                        future.set_result(message["errors"])
                else:
                    task = asyncio.get_running_loop().create_task(self._handle(message, handler))
                    self._doing.add(task)
                    task.add_done_callback(self._doing.discard)
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ServingError("the server is ending"))
        self._gone()

    async def _handle(self, message: Mapping[str, Any], handler: Handler) -> None:
        error = None
        try:
            await handler(message["what"], message["about"])
        except ServingError as failure:
            error = str(failure)
        except Exception as failure:
            log.exception("a worker could not %s", message["what"])
            error = f"{type(failure).__name__}: {failure}"
        self._send({"do": "done", "id": message["id"], "error": error})


class Shared:
    """One line to the other workers for several services; `of` gives each its own `Together`."""

    def __init__(self, line: Together) -> None:
        self.line = line
        self._handlers: dict[str, Handler] = {}
        self._known = asyncio.Event()
        self._names: set[str] = set()

    def of(self, service: str) -> ServiceLine:
        """What one service sees of the others."""
        self._names.add(service)
        return ServiceLine(self, service)

    async def begin(self, service: str, handler: Handler) -> None:
        """A service listens; the line begins with the first, and what comes waits until all listen."""
        first = not self._handlers
        self._handlers[service] = handler
        if first:
            await self.line.start(self._told)
        if set(self._handlers) == self._names:
            self._known.set()

    async def end(self, service: str) -> None:
        """A service listens no more; the line ends with the last."""
        if self._handlers.pop(service, None) is not None and not self._handlers:
            await self.line.stop()

    async def _told(self, what: str, about: Mapping[str, Any]) -> None:
        await self._known.wait()
        name = about.get("service")
        for handler in [self._handlers[name]] if name is not None else list(self._handlers.values()):
            await handler(what, about.get("about", {}))


class ServiceLine:
    """The line of one service; see `Shared`."""

    def __init__(self, shared: Shared, service: str) -> None:
        self._shared, self._service = shared, service
        self.others = shared.line.others

    def exclusive(self) -> contextlib.AbstractAsyncContextManager[None]:
        return self._shared.line.exclusive()

    async def tell(self, what: str, about: Mapping[str, Any] | None = None) -> None:
        await self._shared.line.tell(what, {"service": self._service, "about": dict(about or {})})

    async def start(self, handler: Handler) -> None:
        await self._shared.begin(self._service, handler)

    async def stop(self) -> None:
        await self._shared.end(self._service)
