"""Asks the compiler's child process, and survives it."""

from __future__ import annotations

import atexit
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal, cast

from dsflow.errors import DsflowError
from dsflow.openmldb.indexes import IndexNeed
from dsflow.openmldb.sdk.install import VERSION, Sdk, sdk_folder
from dsflow.openmldb.sdk.kept import KeptAnswers
from dsflow.openmldb.ttl import Ttl, TtlType

Mode = Literal["batch", "request"]
Catalog = Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]
"""Database -> table -> its columns as (name, type's word in the DDL)."""

TIMEOUT = 30.0
"""Seconds for one question; a compilation takes 20 ms, loading the library some 100."""

_POSITION = re.compile(r" ?\[at (\d+):(\d+)\]")
_TELLS = re.compile(r"(?![IW]\d{8} |WARNING: Logging before InitGoogleLogging).*\w")
"""A line of the child's log that may say why it died: not glog's notes and warnings."""
_INDEX = re.compile(r"index\(key=\((?P<keys>[^)]*)\)(?P<rest>(?:, *\w+=(?:\([^)]*\)|[^,()]+))*)\)")


class CompilerError(DsflowError):
    """The compiler's process could not be started, died or did not answer. The next question starts a new one."""


@dataclass(frozen=True)
class Refusal:
    """Why the compiler does not take a query.

    Attributes:
        message: its words.
        trace: where in its own passes it happened; names the expression it was at.
        line: line in the query, from 1, when it says so.
        column: column in that line, from 1.
        hint: what to write instead, when it says so.
    """

    message: str
    trace: str = ""
    line: int | None = None
    column: int | None = None
    hint: str = ""

    @property
    def is_syntax(self) -> bool:
        """Whether the query does not even parse."""
        return self.message.startswith("Syntax error")


@dataclass
class _Child:
    process: subprocess.Popen[str]
    log: IO[bytes]
    answers: queue.Queue[str | None] = field(default_factory=queue.Queue)
    ready: bool = False
    log_read: int = 0


class Compiler:
    """OpenMLDB's compiler. One child process, started at the first question (or by :meth:`start`) and kept.

    Args:
        sdk: where the native library is.
        timeout: seconds for one question.
        kept: answers of before, which need no child; None asks it every time.
    """

    def __init__(self, sdk: Sdk, *, timeout: float = TIMEOUT, kept: KeptAnswers | None = None) -> None:
        self.sdk = sdk
        self.timeout = timeout
        self._kept = kept
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the child without waiting for it, so that the library loads while other work goes on.

        Where there are answers of before the child may not be needed; it is started when it is.
        """
        if self._kept:
            return
        with self._lock:
            self._started()

    def close(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            self._stop()

    # -- questions -----------------------------------------------------------------------------------------------------

    def validate(self, sql: str, db: str, catalog: Catalog, mode: Mode = "batch") -> Refusal | None:
        """Compile a query: in ``batch`` mode as an offline job does, in ``request`` mode as DEPLOY does.

        Returns:
            None when it compiles.

        Raises:
            CompilerError: no answer.
        """
        answer = self._ask("validate", sql, db, catalog, mode=mode)
        if not answer:
            return None
        message = answer[0].splitlines()[0] if answer[0] else "it is refused without a word"
        position = _POSITION.search(message)
        return Refusal(
            message=_POSITION.sub("", message),
            trace=answer[1] if len(answer) > 1 else "",
            line=int(position[1]) if position else None,
            column=int(position[2]) if position else None,
        )

    def output_schema(self, sql: str, db: str, catalog: Catalog) -> list[tuple[str, str]] | None:
        """Names and types of a deployment's output columns; None when the query does not compile in request mode.

        Raises:
            CompilerError: no answer.
        """
        answer = self._ask("schema", sql, db, catalog)
        return None if answer is None else [(name, kind) for name, kind in answer]

    def needed_indexes(self, sql: str, db: str, catalog: Catalog) -> dict[str, list[IndexNeed]]:
        """Table -> the indexes that a deployment of the query needs. The query must compile in request mode.

        Raises:
            CompilerError: no answer.
        """
        needs: dict[str, list[IndexNeed]] = {}
        for ddl in self._ask("indexes", sql, db, catalog):
            name = re.match(r"CREATE TABLE IF NOT EXISTS `?(\w+)", ddl)
            if name:
                needs[name[1]] = [_index_need(match) for match in _INDEX.finditer(ddl)]
        return needs

    def dependent_tables(self, sql: str, db: str, catalog: Catalog) -> list[tuple[str, str]]:
        """Database and name of each table that a query reads, as far as it compiles.

        Raises:
            CompilerError: no answer.
        """
        return [(database, table) for database, table in self._ask("dependencies", sql, db, catalog)]

    # -- the child -----------------------------------------------------------------------------------------------------

    def _ask(self, op: str, sql: str, db: str, catalog: Catalog, **more: str) -> Any:
        tables = {
            d: {t: [[c, k] for c, k in columns] for t, columns in inside.items()} for d, inside in catalog.items()
        }
        request = json.dumps({"op": op, "sql": sql, "db": db, "tables": tables, **more})
        if self._kept is not None and (known := self._kept.get(request)) is not None:
            return known.get("result")
        answer = self._answer(request, sql)
        if self._kept is not None:
            self._kept.keep(request, answer)
        return answer.get("result")

    def _answer(self, request: str, sql: str) -> dict[str, Any]:
        with self._lock:
            child = self._started()
            if not child.ready:
                self._take(child, "loading OpenMLDB's compiler")
                child.ready = True
            child.log_read = os.fstat(child.log.fileno()).st_size  # what was said before is of other questions
            try:
                assert child.process.stdin is not None
                child.process.stdin.write(request + "\n")
                child.process.stdin.flush()
            except OSError:
                self._fail(child, "OpenMLDB's compiler died")
            return self._take(child, f"compiling {_short(sql)}")

    def _started(self) -> _Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        self._stop()
        log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("child.py")), str(self.sdk.native)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            log.close()
            raise CompilerError(f"OpenMLDB's compiler cannot be started: {error}") from error
        child = self._child = _Child(process, log)
        threading.Thread(target=_read, args=(process, child.answers), daemon=True, name="dsflow-compiler").start()
        return child

    def _take(self, child: _Child, doing: str) -> dict[str, Any]:
        try:
            line = child.answers.get(timeout=self.timeout)
        except queue.Empty:
            self._stop()
            raise CompilerError(f"OpenMLDB's compiler gave no answer within {self.timeout:g} s while {doing}") from None
        if line is None:
            self._fail(child, f"OpenMLDB's compiler died while {doing}")
        message: dict[str, Any] = json.loads(line or "{}")
        if "error" in message:
            if not child.ready:
                self._stop()
            raise CompilerError(f"OpenMLDB's compiler failed while {doing}: {message['error']}")
        return message

    def _fail(self, child: _Child, what: str) -> None:
        code = child.process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        child.log.seek(child.log_read)
        text = child.log.read()[-2000:].decode("utf-8", "replace")
        last = next((line for line in reversed(text.splitlines()) if _TELLS.match(line)), "")
        self._stop()
        raise CompilerError(f"{what} ({how})" + (f": {last}" if last else ""))

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.process.poll() is None:
            child.process.kill()  # it holds nothing that needs a farewell
        child.process.wait()
        for stream in (child.process.stdin, child.process.stdout, child.log):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass  # the rest of a question that the dead child did not read


def _read(process: subprocess.Popen[str], answers: queue.Queue[str | None]) -> None:
    """Hand the child's lines on, then None when there will be no more."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:
        pass  # closed by _stop while reading
    answers.put(None)


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 60 else line[:57] + "..."


def _index_need(match: re.Match[str]) -> IndexNeed:
    options = dict(re.findall(r"(\w+)=(\([^)]*\)|[^,()]+)", match["rest"]))
    ttl = [part.strip() for part in options.get("ttl", "").strip("()").split(",") if part.strip()]
    minutes = [int(part[:-1]) for part in ttl if part.endswith("m")]
    rows = [int(part) for part in ttl if part.isdigit()]
    ts = options.get("ts", "").strip().strip("`")
    return IndexNeed(
        keys=tuple(sorted(key.strip().strip("`") for key in match["keys"].split(","))),
        ts=ts or None,
        ttl=Ttl(
            cast(TtlType, options.get("ttl_type", "absolute").strip()),
            minutes[0] if minutes else 0,
            rows[0] if rows else 0,
        ),
    )


@lru_cache(maxsize=1)
def _shared(native: Path, process: int) -> Compiler:
    compiler = Compiler(Sdk(native), kept=KeptAnswers(sdk_folder().with_name(f"openmldb-{VERSION}-answers"), native))
    atexit.register(compiler.close)
    return compiler


def shared_compiler(sdk: Sdk) -> Compiler:
    """The one compiler of this process, kept warm between calls and ended with the process."""
    # a forked process must not talk through its parent's pipes
    return _shared(sdk.native, os.getpid())
