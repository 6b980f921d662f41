"""A web server on the loopback, and small files shaped like what it serves: jars, releases."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Web:
    """What a web server serves.

    Attributes:
        files: the bytes at each path.
        cut: paths whose answer breaks off after half of its bytes.
        busy: how often each path answers 503 first.
        asked: the paths that were asked for.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    busy: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if served.busy.get(self.path, 0) > 0:
                served.busy[self.path] -= 1
                self.send_error(503)
                return
            data = served.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if self.path in served.cut else data)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Web(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and no settings."""
    monkeypatch.setattr("dsflow.standalone.download.PAUSE", 0.01)
    for name in ("DSFLOW_MAVEN_REPOSITORY", "DSFLOW_DOLPHINSCHEDULER_RELEASES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DSFLOW_DOLPHINSCHEDULER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def release_files(version: str) -> dict[str, bytes]:
    """The files of a release, by their path below its folder."""
    return {
        "LICENSE": b"",
        "standalone-server/conf/application.yaml": b"server: {port: 12345}\n",
        "standalone-server/conf/common.properties": b"sudo.enable=true\n",
        f"standalone-server/libs/standalone-server/dolphinscheduler-standalone-server-{version}.jar": b"jar",
        "standalone-server/libs/standalone-server/both.jar": b"own",
        "api-server/libs/both.jar": b"other",
        "api-server/libs/api.jar": b"api",
        "api-server/conf/application.yaml": b"not needed",
        "worker-server/libs/worker.jar": b"worker",
    }


def archive_of(files: dict[str, bytes], top: str) -> bytes:
    """A .tar.gz."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def release(version: str) -> bytes:
    """A release as an archive."""
    return archive_of(release_files(version), f"apache-dolphinscheduler-{version}-bin")


def sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()


def left_in(cache: Path) -> list[str]:
    """What is in a cache beside its locks."""
    return sorted(str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock")
