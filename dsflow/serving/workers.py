"""``dsflow serve --workers N``: the parent of N processes, each a whole prediction server (`dsflow.serving.worker`).

The parent answers no requests. It takes the model directory, opens a listening socket for each worker (the system
shares connections out among them; a socket outlives its worker, so that what waits there is answered by the next one),
starts workers and starts those again that die, and passes messages between them (`dsflow.serving.together`). When it
dies, by SIGKILL too, the workers end.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from dsflow.serving.directory import take_directory
from dsflow.serving.errors import ServingError
from dsflow.serving.listening import listen, url_of
from dsflow.serving.settings import Settings
from dsflow.serving.together import MESSAGE_BYTES

log = logging.getLogger("dsflow.serving")

_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dsflow.serving.worker import main; main()"
_GRACE_SECONDS = 15.0
_START_SECONDS = 120.0
_ANSWER_SECONDS = 180.0
_MAX_PAUSE = 10.0


def serve_workers(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve predictions with so many processes until SIGTERM or SIGINT; requests under way are answered first.

    One line with the server's URL goes to standard output when all workers answer.

    Raises:
        ConfigError: the APIServer's URL is not one.
        ServingError: the address is taken, the model directory cannot be used, or a worker does not start.
    """
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.closing(listen(host, port, shared=True)))
        port = first.getsockname()[1]
        sockets = [first]
        sockets += [stack.enter_context(contextlib.closing(listen(host, port, shared=True))) for _ in range(1, workers)]
        if settings.model_dir is None:
            # workers hand models to one another through a directory
            kept = stack.enter_context(tempfile.TemporaryDirectory(prefix="dsflow-serving-"))
            settings = dataclasses.replace(settings, model_dir=kept)
        assert settings.model_dir is not None
        stack.enter_context(contextlib.closing(take_directory(Path(settings.model_dir))))
        # the workers' counters lie in files, so that any of them answers /metrics for all
        counters = stack.enter_context(tempfile.TemporaryDirectory(prefix="dsflow-metrics-"))
        parent = _Parent(settings, sockets, {"PROMETHEUS_MULTIPROC_DIR": counters})
        asyncio.run(
            parent.run(
                f"dsflow prediction server on {url_of(host, first, settings.tls)}, APIServer {settings.apiserver}"
            )
        )


class _Worker:
    """One worker process and the line to it."""

    def __init__(
        self,
        place: int,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.place, self.process, self.reader, self._writer = place, process, reader, writer
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()
        self.since = time.monotonic()
        self._asked: dict[int, asyncio.Future[str | None]] = {}
        self._count = 0

    def send(self, message: Mapping[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def ask(self, what: str, about: Mapping[str, Any]) -> str | None:
        """Have the worker do something; None when it has, else what was wrong."""
        self._count += 1
        number, future = self._count, asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            if self.gone.is_set():
                return "it has ended"
            self.send({"do": "handle", "id": number, "what": what, "about": about})
            return await asyncio.wait_for(future, _ANSWER_SECONDS)
        except (TimeoutError, asyncio.TimeoutError):
            self.kill()  # the next one in its place serves what has been saved
            return "it did not answer in time"
        finally:
            del self._asked[number]

    def done(self, number: int, error: str | None) -> None:
        future = self._asked.get(number)
        if future is not None and not future.done():
            future.set_result(error)

    def ended(self) -> None:
        self.gone.set()
        self._writer.close()
        for future in self._asked.values():
            if not future.done():
                future.set_result("it has ended")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class _Parent:
    def __init__(self, settings: Settings, sockets: list[socket.socket], variables: Mapping[str, str]) -> None:
        self._settings, self._sockets, self._variables = settings, sockets, variables
        self._workers: dict[int, _Worker] = {}
        self._stopping = asyncio.Event()
        self._updating: _Worker | None = None
        self._waiting: deque[tuple[_Worker, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, announcement: str) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        places = [loop.create_task(self._keep(place)) for place in range(len(self._sockets))]
        try:
            if await self._all_ready():
                print(announcement, flush=True)
                await self._stopping.wait()
        finally:
            failed = not self._stopping.is_set()
            self._stopping.set()
            await self._end(places)
        if failed:
            raise ServingError("the prediction server did not start", hint="the lines above say why")

    async def _all_ready(self) -> bool:
        """Wait until every worker answers, once; False if one ends before."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._stopping.is_set():
            workers = list(self._workers.values())
            if any(worker.gone.is_set() for worker in workers) or time.monotonic() > deadline:
                return False
            if len(workers) == len(self._sockets) and all(worker.ready.is_set() for worker in workers):
                return True
            await asyncio.sleep(0.02)
        return True

    async def _end(self, places: list[asyncio.Task[None]]) -> None:
        for worker in self._workers.values():
            worker.stop()
        _, slow = await asyncio.wait(places, timeout=_GRACE_SECONDS)
        if slow:
            log.warning("%d workers did not end in time", len(slow))
            for worker in self._workers.values():
                worker.kill()
            await asyncio.wait(slow)
        for place in places:
            if not place.cancelled() and (error := place.exception()) is not None:
                log.error("a worker's place failed: %r", error)

    async def _keep(self, place: int) -> None:
        """Have a worker in this place until the server stops."""
        pause, answered = 0.0, False
        while not self._stopping.is_set():
            async with self._worker(place) as worker:
                await self._listen(worker)
                status = await worker.process.wait()
            if self._stopping.is_set():
                return
            answered = answered or worker.ready.is_set()
            if not answered:
                return  # the whole server does not start
            lived = time.monotonic() - worker.since
            pause = 0.1 if lived > 30 else min(max(pause * 2, 0.1), _MAX_PAUSE)
            log.error("worker %d ended (status %s); another one starts in %.1f s", place, status, pause)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    @contextlib.asynccontextmanager
    async def _worker(self, place: int) -> AsyncIterator[_Worker]:
        ours, theirs = socket.socketpair()
        listening = self._sockets[place].fileno()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _CHILD,
                json.dumps(sys.path),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), listening),
                start_new_session=True,  # the terminal's Ctrl-C is for the parent
                env=os.environ | self._variables,
            )
            about = {"settings": self._settings.to_json(), "link": theirs.fileno(), "listening": listening}
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MESSAGE_BYTES)
        worker = self._workers[place] = _Worker(place, process, reader, writer)
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(about).encode())
            process.stdin.close()
            if self._stopping.is_set():
                worker.stop()
            yield worker
        finally:
            worker.ended()
            self._left(worker)

    async def _listen(self, worker: _Worker) -> None:
        """Do what the worker asks for, until it ends."""
        with contextlib.suppress(OSError):
            while line := await worker.reader.readline():
                message = json.loads(line)
                what = message["do"]
                if what == "ready":
                    worker.ready.set()
                elif what == "done":
                    worker.done(message["id"], message["error"])
                elif what == "lock":
                    self._waiting.append((worker, message["id"]))
                    self._next()
                elif what == "unlock":
                    self._unlock(worker)
                else:
                    self._do(self._tell(worker, message))

    async def _tell(self, worker: _Worker, message: Mapping[str, Any]) -> None:
        others = [other for other in self._workers.values() if other is not worker and not other.gone.is_set()]
        asked = [other.ask(message["what"], message["about"]) for other in others]
        errors = [error for error in await asyncio.gather(*asked) if error is not None]
        worker.send({"do": "answer", "id": message["id"], "errors": errors})

    def _next(self) -> None:
        if self._updating is None and self._waiting:
            self._updating, number = self._waiting.popleft()
            self._updating.send({"do": "answer", "id": number, "errors": []})

    def _unlock(self, worker: _Worker) -> None:
        if self._updating is worker:
            self._updating = None
            self._next()

    def _left(self, worker: _Worker) -> None:
        """A worker has ended; if in the middle of an update, the others serve what has been saved by then."""
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not worker)
        if self._updating is worker and not self._stopping.is_set():
            self._do(self._settle(worker))

    async def _settle(self, worker: _Worker) -> None:
        others = [other for other in self._workers.values() if other is not worker and not other.gone.is_set()]
        await asyncio.gather(*(other.ask("restore", {}) for other in others))
        self._unlock(worker)

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
