"""The prediction server as a process beside this one, whose interpreter it leaves as it is: see `PredictionServer` for
one inside.

The socket listens before the process is there, so that its address is known and requests wait for it. What the process
needs comes as a line of JSON on its standard input, whose end is this process's end; it says when it answers on its
standard output. Then it starts the process that checks models too, while nobody asks yet.
"""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

from dsflow.serving.apiserver import apiserver_urls
from dsflow.serving.errors import ServingError
from dsflow.serving.listening import listen, url_of
from dsflow.serving.logs import configure
from dsflow.serving.options import Options
from dsflow.serving.settings import Settings
from dsflow.web.parent import end_with_parent

_CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dsflow.serving.beside import main; main()"
_READY = "ready"
_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


class ServerBeside:
    """A prediction server of its own process, on a free port of the loopback, as long as a ``with`` block lasts.

    Args:
        apiserver: base URL of OpenMLDB's APIServer.
        model_dir: where the last good pair is kept.
        options: where models may lie, tokens, limits.
        log: a file that gets what it writes.

    Attributes:
        url: its base URL, known from the start of the block on.

    Raises:
        ConfigError: the APIServer's URL is not one.
        ServingError: it cannot listen.
    """

    def __init__(self, apiserver: str, *, model_dir: Path, options: Options, log: Path) -> None:
        self._settings = Settings(",".join(apiserver_urls(apiserver)), str(model_dir), _HOST, options)
        self._log = log
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ServerBeside:
        with listen(_HOST, 0) as listening, open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=[listening.fileno()],
                start_new_session=True,  # the terminal's Ctrl-C is for its parent
            )
            self.url = url_of(_HOST, listening)
            assert self._process.stdin is not None
            about = {"settings": self._settings.to_json(), "listening": listening.fileno()}
            self._process.stdin.write(json.dumps(about) + "\n")
            self._process.stdin.flush()
        return self

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServingError: it does not start; the message has what it wrote.
        """
        process = self._process
        assert process is not None
        assert process.stdout is not None
        late = threading.Timer(_START_SECONDS, process.kill)
        late.start()
        said = process.stdout.readline()
        late.cancel()
        if said.strip() != _READY:
            written = self._log.read_text(errors="replace").strip()
            raise ServingError(f"the prediction server did not start:\n{written or 'it wrote nothing'}")

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def main() -> NoReturn:
    """Be the process: serve until SIGTERM, or until the parent is gone."""
    about = json.loads(sys.stdin.buffer.readline())
    end_with_parent()
    settings = Settings.from_json(about["settings"])
    configure(settings.options.log)
    from dsflow.serving.model import prepare_check
    from dsflow.serving.server import serve_on

    def ready() -> None:
        print(_READY, flush=True)
        threading.Thread(target=prepare_check, daemon=True).start()

    try:
        serve_on(socket.socket(fileno=about["listening"]), settings, ready)
    except ServingError as error:
        logging.getLogger("dsflow.serving").error("%s", error)
        sys.exit(1)
    sys.exit(0)
