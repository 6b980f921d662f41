"""The side of the process that starts something: see :mod:`dsflow.standalone.guard`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.process import started

# -I: nothing of the folder or of the variables that the user happens to have stands before the standard library
_RUN = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


def program(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package as a program of its own."""
    root = str(Path(__file__).parents[2])
    return [sys.executable, "-I", "-c", _RUN, root, f"dsflow.standalone.{module}", *arguments]


class Guarded:
    """A program that ends with this process, until :meth:`keep`. A context manager.

    Args:
        command: the program; None guards folders only.
        output: the file to which its outputs are appended.
        remove: folders that are deleted when it is undone.
        inherit: file descriptors that the guard holds too: a lock lasts until all is undone.

    Raises:
        StandaloneError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
        remove: Sequence[Path] = (),
        inherit: Sequence[int] = (),
    ) -> None:
        self._guard = subprocess.Popen(
            program("guard"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=tuple(inherit),
        )
        task = {
            "command": list(command) if command else None,
            "folder": str(folder) if folder else None,
            "environment": dict(environment) if environment is not None else None,
            "output": str(output),
            "remove": [str(path) for path in remove],
        }
        try:
            self._tell(json.dumps(task))
            answer = self._read()
            if "pid" not in answer:
                raise StandaloneError(f"cannot run {command[0] if command else 'the guard'}: {answer.get('failed')}")
        except BaseException:
            self.undo()
            raise
        self.pid: int = answer["pid"]  # of the program
        self.began = started(self.pid) if self.pid else None

    def __enter__(self) -> Guarded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()

    def wait(self) -> int:
        """Wait for the program's end; its exit status, negative for a signal."""
        return int(self._read()["ended"])

    def keep(self) -> None:
        """From here on the program lives by itself."""
        self._tell("keep")
        self._close()

    def undo(self) -> None:
        """End the program, delete the folders; nothing after :meth:`keep`."""
        self._close()

    def _close(self) -> None:
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        if not self._guard.stdin.closed:
            try:
                self._guard.stdin.close()
            except BrokenPipeError:
                pass  # the guard itself has been killed
        self._guard.wait()
        self._guard.stdout.close()

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(line + "\n")
            self._guard.stdin.flush()
        except BrokenPipeError as error:
            raise StandaloneError("the process that watches over the start has been killed") from error

    def _read(self) -> dict[str, int]:
        assert self._guard.stdout is not None
        line = self._guard.stdout.readline()
        if not line:
            raise StandaloneError("the process that watches over the start has been killed")
        return dict(json.loads(line))
