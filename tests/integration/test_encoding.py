"""What a statement is on the worker: DolphinScheduler's own OPENMLDB task against what was written in the pipeline.

The tasks run on real servers with the ``openmldb`` module for workers; in place of OpenMLDB a server takes down each
statement as it arrives.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dsflow import OpenMLDB, Workflow, literal
from dsflow.declare.encoding import encode, split_statements
from dsflow.dolphinscheduler.client import Server
from dsflow.errors import DsflowError
from dsflow.report import SUCCESS
from dsflow.worker.environment import worker_path_folder
from tests.integration.conftest import TENANT, Running

SAMPLES = 500
BY_HAND = [
    'DEPLOY d OPTIONS(RANGE_BIAS="inf", ROWS_BIAS="inf") SELECT 1',
    "SELECT 'a;b' -- c; d\n, \"e;f\" /* g; h */ # i; j",
    "SELECT 'c:\\temp\\new', '\\u4e2d \\x41 \\101 \\N{DASH} \\\\'",
    'SELECT \'it\'\'s\', "say \\"x\\"", `a"b`',
    "SELECT '%s %(x)s :x {y} #{z} !{z} $x $ $$ ${' , 'tab\there'",
    "SELECT '特征 – é 🦆 \u2028\u2029\u0085\x0b\x0c\x1c end'",
    "SELECT 'CRLF\r\n, CR\r, NUL\0, DEL\x7f, BOM\ufeff'",
    "SELECT 1\r\nFROM t\r\n  -- Windows line ends\r\n",
    "\n\n  SELECT 1\n\n",
    "SELECT '" + "x" * 100_000 + "'",
    "SELECT '" + "特\"\\;'' \n" * 12_500 + "'",
]
SUBSTITUTED = ["SELECT '${day}', '$[yyyy]', '${n}', '${day};${n}'"]

_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from("ab'\"`\\;#-/*\n\r\t ${}[]%:n0x中\0")
)


def _statements() -> list[str]:
    """Texts as hypothesis makes them, the same each time: any text, and literals and comments of any text."""
    quoted = _TEXT.map(lambda s: "SELECT '" + s.replace("\\", "\\\\").replace("'", "\\'") + "' AS x")
    comment = _TEXT.map(lambda s: "SELECT 1 /* " + s.replace("*/", "") + " */ + 1")
    found: list[str] = []

    @settings(
        max_examples=2 * SAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(_TEXT, quoted, comment))
    def collect(text: str) -> None:
        # what is blank to Java is no statement
        if text.strip(" \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85"):
            found.append(text)

    collect()
    return list(dict.fromkeys(found))


class Taken(ThreadingHTTPServer):
    """Answers like an APIServer for which all goes well, and keeps what it was told, by the task's database."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statements: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Taken)
        self.server.statements.append(body["sql"])
        answer = b'{"code":0,"msg":"ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def taken() -> Iterator[Taken]:
    with Taken() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_arrives_is_what_was_written(
    running: Running, server: Server, project: str, taken: Taken, tally: list[str]
) -> None:
    environment = f"takes down {project}"
    address = f"http://127.0.0.1:{taken.server_port}"
    variables = {"PYTHONPATH": str(worker_path_folder()), "DSFLOW_EMBEDDED_OPENMLDB": address}
    server.bootstrap(tenant=TENANT, environment=environment, variables=variables, say=lambda line: None)

    sampled = _statements()
    texts = [literal(text) for text in [*BY_HAND, *sampled]]
    readable = [text for text in texts if _is_one_statement(text)]
    params = {"day": "2024-05-06", "n": 7}
    with Workflow("flow", project=project, params=params) as flow:
        # a list of statements, as users write them; and any texts at all, encoded by hand
        written = OpenMLDB("written", readable, "online", environment=environment)
        encoded = OpenMLDB("encoded", mode="offline", raw_sql=encode(texts), environment=environment)
        filled = OpenMLDB("filled", SUBSTITUTED, "online", environment=environment)
        written >> encoded >> filled
    definition = flow.definition()
    server.submit(definition)
    begun = time.monotonic()
    assert server.follow(server.start(definition), poll=0.2) == SUCCESS
    seconds = time.monotonic() - begun

    assert len(sampled) >= SAMPLES
    assert len(readable) >= SAMPLES / 4
    session = ["set @@execute_mode='online';"]
    job = ["set @@execute_mode='offline';", "set @@sync_job=true", "set @@job_timeout=1800000"]
    year = time.strftime("%Y")
    assert taken.statements == [
        *session,
        *_arriving([text.strip() for text in readable]),
        *job,
        *_arriving(texts),
        *session,
        f"SELECT '2024-05-06', '{year}', '7', '2024-05-06;7'",
    ]
    size = sum(len(text) for text in [*readable, *texts])
    tally.append(
        f"encoding on {running.version}: {len(readable) + len(texts)} statements, {size} characters, {seconds:.1f} s"
    )


def _is_one_statement(text: str) -> bool:
    try:
        return split_statements(text) == [text.strip()]
    except DsflowError:
        return False


def _arriving(texts: list[str]) -> list[str]:
    """The first of a node's statements as it is, the others after a line end."""
    plain = [text.replace("\udc24", "$") for text in texts]
    return [text if i == 0 else f"\n{text}" for i, text in enumerate(plain)]
