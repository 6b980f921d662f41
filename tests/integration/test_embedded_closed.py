"""`dsflow openmldb` is closed: who may ask it, from where, and how much."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dsflow.consistency.cluster import Cluster
from dsflow.embedded.server import READY, TOKEN_VARIABLE
from dsflow.errors import ServerError
from dsflow.worker.client import OpenMLDBError, Session
from tests import certificates

TOKEN, OTHER = "the-token-of-the-test-1", "the-token-of-the-test-2"


def command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "dsflow", "openmldb", "--dir", str(folder / "db"), "--port", "0", *options]


@contextmanager
def running(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    process = subprocess.Popen(
        command(folder, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | variables,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), line
        yield line[len(READY) :].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_this_machine_only_with_a_token_or_a_reason(tmp_path: Path, host: str) -> None:
    refused = subprocess.run(command(tmp_path, "--host", host), capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode != 0
    assert "--token-file" in refused.stderr
    assert "--no-token" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_with_a_reason_it_listens(tmp_path: Path) -> None:
    with running(tmp_path, "--host", "0.0.0.0", "--no-token", "a test") as url:
        port = url.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/dbs", trust_env=False).json()["code"] == 0


def test_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokens").write_text(f"{TOKEN}\n{OTHER}\n")
    with running(tmp_path, "--token-file", str(tmp_path / "tokens")) as url:
        for headers in ({}, {"authorization": "Bearer wrong-token-0000000"}, {"authorization": TOKEN}):
            answer = httpx.post(f"{url}/dbs/d", json={"sql": "SHOW DATABASES", "mode": "online"}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, -1)
        for token in (TOKEN, OTHER):
            assert httpx.get(f"{url}/dbs", headers={"authorization": f"Bearer {token}"}).json()["code"] == 0
        monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
        with pytest.raises(OpenMLDBError, match=TOKEN_VARIABLE):
            Session(url).execute("SHOW DATABASES")
        with Cluster(url, timeout=10) as cluster, pytest.raises(ServerError):
            cluster.run("d", "SHOW DATABASES")
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        Session(url).execute("SHOW DATABASES")
        with Cluster(url, timeout=10) as cluster:
            cluster.run("INFORMATION_SCHEMA", "SHOW DATABASES")


def test_a_token_of_the_variable(tmp_path: Path) -> None:
    with running(tmp_path, **{TOKEN_VARIABLE: TOKEN}) as url:
        assert httpx.get(f"{url}/dbs").status_code == 401
        assert httpx.get(f"{url}/dbs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_pages_of_other_sites_and_clients_that_take_too_much(tmp_path: Path) -> None:
    with running(tmp_path) as url:
        statement = json.dumps({"sql": "CREATE DATABASE d", "mode": "online"})
        # what a form of any page of the Web can send without asking first
        page = {"origin": "https://page.example", "content-type": "text/plain"}
        assert httpx.post(f"{url}/dbs/d", content=statement, headers=page).status_code == 403
        # a name of the page's own that leads to 127.0.0.1
        assert httpx.get(f"{url}/dbs", headers={"host": "page.example"}).status_code == 403
        assert httpx.get(f"{url}/dbs").json()["dbs"] == []
        host, _, port = url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET /dbs HTTP/1.1\r\nX: " + b"a" * 100_000)
            assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")
        with httpx.Client(timeout=60) as client:
            answer = client.post(f"{url}/dbs/d", content=b" " * (65 * 2**20))
        assert answer.status_code == 413


def test_tls(tmp_path: Path) -> None:
    certificate, key = certificates.make(tmp_path)
    with running(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as url:
        assert url.startswith("https://")
        assert httpx.get(f"{url}/dbs", verify=ssl.create_default_context(cafile=str(certificate))).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/dbs")
    for options in (["--tls-cert", str(certificate)], ["--tls-cert", str(key), "--tls-key", str(key)]):
        refused = subprocess.run(command(tmp_path, *options), capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr
