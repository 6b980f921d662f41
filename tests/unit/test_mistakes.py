"""A newcomer's wrong words: one message with file, line and the word that was meant, by both ways of calling."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

IMPORTS = "from dsflow import Python, Shell, Table, FeatureView, Workflow, types as t\n"
MISTAKES = {
    "keyword of a task": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x', retry=3)\n",
        3,
        ["Shell takes no 'retry'", "did you mean 'retries'"],
    ),
    "keyword of a workflow": (
        "wf = Workflow('w', project='p', parms={})\n",
        2,
        ["Workflow takes no 'parms'", "did you mean 'params'"],
    ),
    "keyword that a method hands on": (
        "with Workflow('w', project='p') as wf:\n    Table('t', database='d', a=t.Int).create(derive_index=True)\n",
        3,
        ["create takes no 'derive_index'", "did you mean 'derive_indexes'?"],
    ),
    "type": (
        "Table('t', database='d', a=t.Decimal)\n",
        2,
        ["openmldb.types has no 'Decimal'", "it has: BigInt, Bool,"],
    ),
    "type in another spelling": ("t.timestamp\n", 2, ["did you mean 'Timestamp'?"]),
    "method": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x')\nwf.definitoin()\n",
        4,
        ["Workflow has no 'definitoin'", "did you mean 'definition'?"],
    ),
    "parameter": (
        "with Workflow('w', project='p', params={'min_auc': 1}) as wf:\n    wf.params.min_acu\n",
        3,
        ["did you mean 'min_auc'?"],
    ),
    "cron": ("Workflow('w', project='p', schedule='0 0 25 * * ? *')\n", 2, ["'25' is no hour"]),
    "name twice": (
        "with Workflow('w', project='p') as wf:\n    Shell('a', 'x')\n    Shell('a', 'y')\n",
        4,
        ["there is a task of that name already"],
    ),
}
WAYS = {"python": [], "dsflow": ["-m", "dsflow", "validate"]}


def run(folder: Path, text: str, way: str) -> subprocess.CompletedProcess[str]:
    file = folder / "pipeline.py"
    file.write_text(IMPORTS + text, encoding="utf-8")
    command = [sys.executable, *WAYS[way], str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MISTAKES)
def test_one_message_with_its_place_and_no_traceback(tmp_path: Path, name: str, way: str) -> None:
    text, line, parts = MISTAKES[name]
    result = run(tmp_path, text, way)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.count("pipeline.py:") == 1 + ("declared at" in result.stderr)
    for part in [f"pipeline.py:{line}:", *parts]:
        assert part in result.stderr


def test_another_error_keeps_its_traceback(tmp_path: Path) -> None:
    result = run(tmp_path, "int('x', bas=3)\n", "python")
    assert "Traceback" in result.stderr
    assert "TypeError" in result.stderr


def test_a_traceback_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSFLOW_TRACEBACK", "1")
    assert "Traceback" in run(tmp_path, MISTAKES["cron"][0], "python").stderr


class _Refusing(BaseHTTPRequestHandler):
    """A DolphinScheduler that lets nobody in, as 3.1 and 3.2 answer a wrong password."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"code": 10013, "msg": "user name or password error", "data": None, "failed": True}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is the test's."""


def plan(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    file = folder / "pipeline.py"
    file.write_text(
        IMPORTS + "with Workflow('w', project='p') as wf:\n    Shell('a', 'x')\nif __name__ == '__main__': wf.cli()\n"
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DSFLOW_")}
    url = f"http://127.0.0.1:{port}/dolphinscheduler"
    variables |= {"DSFLOW_API_URL": url, "DSFLOW_USER": "me", "DSFLOW_PASSWORD": "wrong-secret"}
    command = [sys.executable, str(file), "plan"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables, cwd=folder)


def test_a_wrong_password_is_one_message_without_it(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = plan(tmp_path, server.server_port)
        server.shutdown()
    assert done.returncode == 1, done.stderr
    assert "does not let user 'me' in" in done.stderr
    assert "check DSFLOW_USER and DSFLOW_PASSWORD" in done.stderr
    assert ("Traceback" in done.stderr, done.stderr.count("error: "), "wrong-secret" in done.stderr) == (
        False,
        1,
        False,
    )


def test_a_server_that_is_down_is_one_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = plan(tmp_path, port)
    assert done.returncode == 5, done.stderr
    assert f"no DolphinScheduler answers at http://127.0.0.1:{port}/dolphinscheduler" in done.stderr
    assert "is the server running" in done.stderr
    assert ("Traceback" in done.stderr, done.stderr.count("error: ")) == (False, 1)
