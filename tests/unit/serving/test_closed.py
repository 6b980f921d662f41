"""Attacks on a running prediction server, and what its answers do not say."""

from __future__ import annotations

import json
import logging
import os
import pickle
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from dsflow.errors import ConfigError
from dsflow.serving import Options, PredictionServer
from dsflow.serving.logs import PlainLines
from dsflow.web.limits import Limits
from tests import certificates

from .fakes import CLICK, EVERYWHERE, INPUT, FakeApiServer, FakeDeployment, update
from .test_formats import Trap

UPDATE, PREDICT, NEXT = "token-that-updates-1", "token-that-predicts", "token-that-updates-2"


@contextmanager
def serving(apiserver: FakeApiServer, options: Options, **more: Any) -> Iterator[httpx.Client]:
    with (
        PredictionServer(apiserver.url, options=options, **more) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_tokens(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "update").write_text(f"{UPDATE}\n{NEXT}\n")
    (tmp_path / "predict").write_text(PREDICT)
    options = Options(
        models=(tmp_path,), update_token_file=tmp_path / "update", predict_token_file=tmp_path / "predict"
    )
    with serving(apiserver, options) as client:
        body = {"database": "demo_db", "deployment": "demo", "model_path": models[0]}
        changes = [("POST", "/update"), ("POST", "/rollback"), ("POST", "/shadow"), ("GET", "/shadow")]
        asks = [("POST", "/predict"), ("POST", "/predict/default"), ("GET", "/schema"), ("GET", "/metrics")]
        for method, path in [*changes, *asks, ("POST", "/update/default")]:
            for headers in ({}, bearer("wrong-token-wrong-token"), {"authorization": f"Basic {UPDATE}"}):
                answer = client.request(method, path, json=body, headers=headers)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
        for method, path in asks:  # the token of one kind does not open the other
            assert client.request(method, path, json=CLICK, headers=bearer(UPDATE)).status_code == 401
        for method, path in changes:
            assert client.request(method, path, json=body, headers=bearer(PREDICT)).status_code == 401
        assert client.get("/health").json()["ready"] is False
        for token in (UPDATE, NEXT):
            assert client.post("/update", json=body, headers=bearer(token)).status_code == 200
        assert client.post("/predict", json=CLICK, headers=bearer(PREDICT)).status_code == 200
        for path in ("/health", "/ready", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200
        # who has no token is not told the columns
        assert "click_time" not in client.get("/openapi.json").text
        assert "click_time" in client.get("/openapi.json", headers=bearer(PREDICT)).text


def test_pages_of_other_sites(apiserver: FakeApiServer, models: tuple[str, str]) -> None:
    with serving(apiserver, EVERYWHERE) as client:
        body = json.dumps({"database": "demo_db", "deployment": "demo", "model_path": models[0]})
        form = {"origin": "https://page.example", "content-type": "text/plain"}
        assert client.post("/update", content=body, headers=form).status_code == 403
        assert client.post("/update", content=body, headers={"host": "page.example"}).status_code == 403
        assert client.get("/health").json()["ready"] is False
        own = {"origin": str(client.base_url).rstrip("/")}
        assert client.post("/update", content=body, headers=own).status_code == 200
        assert "access-control-allow-origin" not in client.get("/health").headers


def test_only_models_below_the_directories(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "good.json").write_bytes(Path(models[0]).read_bytes())
    (inside / "link.json").symlink_to(models[0])
    (inside / "trap.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with serving(apiserver, Options(models=(inside,))) as client:
        outside = [
            models[0],
            f"{inside}/link.json",
            f"{inside}/../first.json",
            f"{inside}/%2e%2e/first.json",
            "/etc/passwd",
            "https://models.example/good.json",
            "s3://models/good.json",
            f"file://models.example{inside}/good.json",
            f"{inside}/trap.pkl",
            str(inside),
            "good.json",
        ]
        for path in outside:
            answer = update(client, path)
            assert answer.status_code == 422, path
            assert str(tmp_path) not in answer.text
            assert client.post("/shadow", json=json.loads(answer.request.content)).status_code == 422
        assert not (tmp_path / "ran").exists()
        assert client.get("/health").json()["ready"] is False
        assert update(client, f"{inside}/good.json").status_code == 200
    with serving(apiserver, Options()) as client:
        assert "--models" in update(client, f"{inside}/good.json").json()["hint"]


def test_answers_hold_no_path_no_statement_and_no_trace(
    apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "SELECT secret_column FROM secret_table /etc/openmldb/conf"
    answers: list[httpx.Response] = []
    with (
        caplog.at_level(logging.WARNING, "dsflow.serving"),
        serving(apiserver, EVERYWHERE, model_dir=tmp_path / "served") as client,
    ):
        answers += [update(client, models[0]), client.post("/predict", json=CLICK), client.get("/schema")]
        answers += [client.get("/health"), client.get("/metrics"), client.get("/openapi.json"), client.get("/docs")]
        answers += [update(client, str(tmp_path / "none.json")), client.get("/shadow"), client.get("/nothing")]
        (tmp_path / "bad.json").write_text('{"learner": 3}')
        answers.append(update(client, str(tmp_path / "bad.json")))
        for content in (
            json.dumps({"code": 2000, "msg": secret}),
            f"<html>{secret}</html>",
            json.dumps({"code": 0, "msg": "ok", "data": {"data": [{"app": secret}]}}),
        ):
            apiserver.answer_instead = lambda content=content: Response(content)
            answers += [client.post("/predict", json=CLICK), update(client, models[0])]
        apiserver.answer_instead = lambda: Response(secret, 500)
        answers += [client.post("/predict", json=CLICK), update(client, models[1])]
        apiserver.answer_instead = None
        (tmp_path / "served").rename(tmp_path / "gone")
        answers.append(update(client, models[1]))
        assert answers[-1].status_code == 500
        (tmp_path / "gone").rename(tmp_path / "served")
    for answer in answers:
        for word in ("SELECT", "secret", "/root", str(tmp_path), "Traceback", 'File "'):
            assert word not in answer.text, (answer.request.url, answer.text)
        if answer.is_error:
            assert answer.json()["request"] == answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    # the log has it
    assert any("secret" in str(vars(record).get("detail")) for record in caplog.records)


def test_a_fault_of_the_server_tells_nothing_of_itself(
    apiserver: FakeApiServer, models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dsflow.serving.service import PredictionService

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("inside /srv/secret")

    monkeypatch.setattr(PredictionService, "predict", fail)
    monkeypatch.setattr(PredictionService, "update", fail)
    with serving(apiserver, EVERYWHERE) as client:
        for answer in (client.post("/predict", json=CLICK), update(client, models[0])):
            assert answer.status_code == 500
            assert "secret" not in answer.text
            assert "RuntimeError" not in answer.text
            assert answer.json()["request"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'[{"ip": ' + b"[" * 5000 + b"]" * 5000 + b"}]",
        b'{"ip": 1' + b"0" * 100_000 + b"}",
        b'{"ip": 1e999}',
        b'{"ip": -1e400, "app": NaN}',
        b'{"ip": "\\ud800"}',
        b'"\\u0000"',
        b"\xff\xfe\x00",
        b"{" + b",".join(b'"k%d": 1' % i for i in range(100_000)) + b"}",
        b"[" + b"1," * 500_000 + b"1]",
        b"null",
        b"true",
    ],
    ids=lambda body: f"{body[:12]!r}-{len(body)}",
)
def test_bodies_made_to_hurt(apiserver: FakeApiServer, models: tuple[str, str], body: bytes) -> None:
    with serving(apiserver, EVERYWHERE) as client:
        update(client, models[0])
        begun = time.monotonic()
        answer = client.post("/predict", content=body)
        assert answer.status_code in (400, 413), answer.text[:300]
        assert len(answer.content) < 100_000
        assert client.post("/update", content=body).status_code in (400, 413)
        assert time.monotonic() - begun < 60
        assert client.post("/predict", json=CLICK).status_code == 200


def test_slow_and_many_clients(apiserver: FakeApiServer) -> None:
    options = Options(limits=Limits(request_seconds=0.5, connections=5, header=4000))
    with serving(apiserver, options) as client:
        place = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(place) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
            slow.settimeout(20)
            assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(place) as large:
            large.sendall(b"GET /health HTTP/1.1\r\nCookie: " + b"x" * 10_000)
            assert large.recv(65536).startswith(b"HTTP/1.1 431 ")
        held = [socket.create_connection(place) for _ in range(6)]
        answers = []
        for connection in held:
            connection.settimeout(20)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answers.append(connection.recv(65536).split(b" ")[1])
        for connection in held:
            connection.close()
        assert b"503" in answers
        deadline = time.monotonic() + 20
        while client.get("/health").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_beyond_the_loopback(apiserver: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSFLOW_SERVE_UPDATE_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0"):
        PredictionServer(apiserver.url, host="0.0.0.0").start()
    with PredictionServer(apiserver.url, host="0.0.0.0", options=Options(no_token="a test")) as server:
        assert httpx.get(server.url.replace("0.0.0.0", "127.0.0.1") + "/health").status_code == 200
    monkeypatch.setenv("DSFLOW_SERVE_UPDATE_TOKEN", UPDATE)
    with PredictionServer(apiserver.url, host="0.0.0.0") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.post(f"{url}/update", json={}).status_code == 401
        assert httpx.post(f"{url}/update", json={}, headers=bearer(UPDATE)).status_code == 400
    monkeypatch.setenv("DSFLOW_SERVE_UPDATE_TOKEN", "short")
    with pytest.raises(ConfigError, match="DSFLOW_SERVE_UPDATE_TOKEN"):
        PredictionServer(apiserver.url).start()


def test_the_command_says_so(apiserver: FakeApiServer) -> None:
    command = [
        sys.executable,
        "-m",
        "dsflow",
        "serve",
        "--apiserver",
        apiserver.url,
        "--host",
        "0.0.0.0",
        "--port",
        "0",
    ]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DSFLOW_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=clean)
    assert done.returncode != 0
    assert "--update-token-file" in done.stderr
    assert "Traceback" not in done.stderr


def test_tls(apiserver: FakeApiServer, tmp_path: Path) -> None:
    certificate, key = certificates.make(tmp_path)
    with PredictionServer(apiserver.url, options=Options(tls_cert=certificate, tls_key=key)) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"{server.url}/health", verify=context, trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health", trust_env=False)
    with pytest.raises(ConfigError, match="--tls-key"):
        PredictionServer(apiserver.url, options=Options(tls_cert=certificate)).start()


SURROGATE = "\\ud800"  # half a character, which JSON can hold and UTF-8 can not


def test_half_a_character(apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path) -> None:
    """It is refused by its place, and does not fail what was asked at the same time."""
    named = FakeDeployment(input=[*INPUT, {"name": "town", "type": "string"}])
    apiserver.deployments["demo_db", "demo"] = named
    with serving(apiserver, EVERYWHERE) as client:
        assert update(client, models[0]).status_code == 200
        for text in (f'"town{SURROGATE}": "x", "town": "y"', f'"town": "{SURROGATE}"', f'"town": "a{SURROGATE}b"'):
            body = json.dumps(CLICK)[:-1] + f", {text}}}"
            answer = client.post("/predict", content=body)
            assert (answer.status_code, "town" in answer.json()["error"]) == (400, True), answer.text
        for key, value in (
            ("database", SURROGATE),
            ("deployment", SURROGATE),
            ("deployment", "${" + SURROGATE),
            ("model_path", f"{tmp_path}/{SURROGATE}.json"),
            ("model_path", f"/{SURROGATE}"),
            ("model_path", f"file:///{SURROGATE}"),
            ("table", SURROGATE),
        ):
            about = {"database": "demo_db", "deployment": "demo", "model_path": models[0], "compare": 1}
            body = json.dumps(about | {key: "HERE"}).replace("HERE", value)
            answer = client.post("/update", content=body)
            assert answer.status_code in (400, 422) or key == "table", (key, answer.text)
            assert answer.status_code < 500
        assert client.post("/predict", json=CLICK | {"town": "Hangzhou"}).status_code == 200


def test_an_address_of_the_apiserver_holds_no_password() -> None:
    """It stands in answers and in the log."""
    with pytest.raises(ConfigError, match="is not the URL") as caught:
        PredictionServer("http://user:secret@127.0.0.1:9080")
    assert "secret" not in str(caught.value)
    assert "DSFLOW_OPENMLDB_TOKEN" in str(caught.value)


def test_a_line_of_the_log_can_not_steer_a_terminal() -> None:
    record = logging.makeLogRecord({"msg": "GET /\x1b[2J\r\n\x9b31m\u2028x", "levelname": "INFO", "name": "n"})
    told = PlainLines().format(record)
    assert all(letter.isprintable() for letter in told), ascii(told)


def test_as_many_connections_as_are_allowed_can_be_open(apiserver: FakeApiServer) -> None:
    """Where the system allows fewer files to a process unless it asks."""
    code = (
        "import resource, sys; most = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, most)); from dsflow.serving import serve;"
        "serve(sys.argv[1], '127.0.0.1', 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code, apiserver.url], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().partition("127.0.0.1:")[2].partition(",")[0])
            held = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
            for connection in held:
                connection.settimeout(20)
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            for connection in held:
                connection.close()
        finally:
            process.terminate()


def test_large_requests_that_arrive_slowly_do_not_take_the_memory(
    apiserver: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsflow.serving.body.MAX_ARRIVING", 250_000)
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000\r\n\r\n"
    with serving(apiserver, Options()) as client:
        place = client.base_url.host, client.base_url.port or 0
        for _ in range(3):  # what was taken is given back
            with socket.create_connection(place) as one, socket.create_connection(place) as other:
                for connection, count in ((one, 60_000), (other, 150_000)):
                    connection.settimeout(20)
                    connection.sendall(head + b" " * count)
                time.sleep(0.2)
                other.sendall(b" " * 45_000)
                told = other.recv(65536)
                assert told.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1" in told
                assert b"no model is served" in client.post("/predict", json=CLICK).content
                one.sendall(b" " * 80_000)  # there is room for it by now
                one.sendall(b" " * 60_000)
                assert b"no model is served" in one.recv(65536)
            time.sleep(0.2)
