"""The prediction server over real HTTP, against a small APIServer over real HTTP."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xgboost
from starlette.responses import Response

from dsflow.errors import ConfigError, MissingExtraError
from dsflow.serving import PredictionServer
from dsflow.serving.errors import ServingError, StoreError

from .fakes import CLICK, EVERYWHERE, FEATURES, FakeApiServer, FakeDeployment, click_features, train, update


def expected(booster: xgboost.Booster, row: dict[str, Any]) -> float:
    features = click_features(row)
    names = booster.feature_names or []
    matrix = np.array([[math.nan if features[n] is None else features[n] for n in names]], dtype=np.float32)
    return float(booster.predict(xgboost.DMatrix(matrix, feature_names=names))[0])


@contextmanager
def serving(apiserver: str, model_dir: Path | None = None) -> Iterator[httpx.Client]:
    """A prediction server of its own, and a client of it."""
    with (
        PredictionServer(apiserver, model_dir=model_dir, options=EVERYWHERE) as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client,
    ):
        yield client


def refused(response: httpx.Response, status: int, *texts: str) -> None:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["error"]
    for text in texts:
        assert text in body["error"] + body.get("hint", "")


def test_before_the_first_update(client: httpx.Client) -> None:
    health = client.get("/health")
    assert health.status_code == 200
    assert health.json() | {"apiserver": ""} == {"status": "no model", "ready": False, "apiserver": ""}
    refused(client.post("/predict", json=CLICK), 503, "no model", "POST /update")
    refused(client.get("/schema"), 503, "no model")


def test_update_then_predict(
    client: httpx.Client, models: tuple[str, str], boosters: tuple[xgboost.Booster, xgboost.Booster]
) -> None:
    answer = update(client, models[0])
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"
    assert answer.json()["model"]["name"] == Path(models[0]).name

    health = client.get("/health").json()
    assert (health["status"], health["ready"], health["deployment"]) == ("ok", True, "demo")

    body = client.post("/predict", json=CLICK).json()
    assert (body["database"], body["deployment"]) == ("demo_db", "demo")
    assert body["model"] == health["model"]
    assert body["features"] == {k: v for k, v in click_features(CLICK).items() if k != "is_attributed"}
    assert body["prediction"] == pytest.approx(expected(boosters[0], CLICK), rel=1e-6)


def test_many_rows_are_answered_in_order(
    client: httpx.Client, models: tuple[str, str], boosters: tuple[xgboost.Booster, xgboost.Booster]
) -> None:
    update(client, models[0])
    rows = [CLICK | {"app": 7 * i % 400, "channel": 3 * i} for i in range(120)]
    answers = client.post("/predict", json=rows).json()
    assert [a["features"]["app"] for a in answers] == [r["app"] for r in rows]
    assert [a["prediction"] for a in answers] == pytest.approx([expected(boosters[0], r) for r in rows], rel=1e-6)
    assert client.post("/predict", json=[]).json() == []
    assert len(client.post("/predict", json=[CLICK]).json()) == 1


def test_schema_says_what_a_row_looks_like(client: httpx.Client, models: tuple[str, str]) -> None:
    update(client, models[0])
    schema = client.get("/schema").json()
    assert schema["request"][0] == {"name": "ip", "type": "int", "may_be_left_out": False}
    assert schema["request"][5]["type"] == "timestamp"
    assert schema["request"][6] == {"name": "is_attributed", "type": "int", "may_be_left_out": True}
    assert [f["name"] for f in schema["features"]] == list(FEATURES)
    assert schema["features"][-1]["type"] == "bigint"


def test_the_label_may_be_left_out_and_nulls_are_passed_on(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    update(client, models[0])
    without = {k: v for k, v in CLICK.items() if k != "is_attributed"}
    assert client.post("/predict", json=without).status_code == 200
    assert apiserver.requests[-1]["input"][0]["is_attributed"] is None

    answer = client.post("/predict", json=CLICK | {"channel": None, "click_time": None})
    assert answer.json()["features"]["channel"] is None
    assert answer.json()["features"]["hour"] is None
    assert 0 < answer.json()["prediction"] < 1


def test_a_click_time_may_be_a_text_at_utc_plus_8(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    update(client, models[0])
    answer = client.post("/predict", json=CLICK | {"click_time": "2017-11-06 17:21:28"})
    assert apiserver.requests[-1]["input"][0]["click_time"] == CLICK["click_time"]
    assert answer.json()["features"]["hour"] == 17


def test_rows_that_do_not_fit_are_named(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    update(client, models[0])
    asked = len(apiserver.requests)
    wrong = {k: v for k, v in CLICK.items() if k != "os"} | {"ip": "114904", "colour": "red"}
    answer = client.post("/predict", json=wrong)
    refused(answer, 400, "'os'", "is missing", "'ip'", "the text '114904'", "'colour' is unknown", "/schema")
    assert len(answer.json()["problems"]) == 3
    refused(client.post("/predict", json=[CLICK, 3]), 400, "row 1")
    assert len(apiserver.requests) == asked


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no body"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"3", "one row"),
        (b'{"ip": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"ip": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_bodies_that_are_not_json(client: httpx.Client, models: tuple[str, str], body: bytes, told: str) -> None:
    update(client, models[0])
    refused(client.post("/predict", content=body), 400, told)
    refused(client.post("/update", content=body), 400)


def test_too_much_at_once(client: httpx.Client, models: tuple[str, str]) -> None:
    update(client, models[0])
    refused(client.post("/predict", content=b" " * (17 * 2**20)), 413, "16 MiB")
    refused(client.post("/predict", json=[{}] * 10_001), 413, "10001 rows", "10000 rows")


def test_no_such_path(client: httpx.Client) -> None:
    refused(client.get("/nothing"), 404, "/nothing", "POST /update")
    answer = client.get("/update")
    refused(answer, 405, "GET /update")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"databse": "x"}, "'databse' is unknown"),
        ({"database": None}, "'database' takes a string"),
        ({"deployment": 5}, "'deployment' takes a string"),
        ({"model_path": "  "}, "'model_path' takes a string that is not empty"),
        ({"model_path": "${model_path}"}, "placeholder"),
        ({"database": "../x"}, "not the name of a database"),
    ],
)
def test_updates_that_cannot_be_read(
    client: httpx.Client, models: tuple[str, str], change: dict[str, Any], told: str
) -> None:
    refused(update(client, models[0], **change), 400, told)
    refused(
        client.post("/update", json={"database": "demo_db"}), 400, "'deployment' is missing", "'model_path' is missing"
    )
    refused(client.post("/update", json=[]), 400, "JSON object")


def test_the_content_type_does_not_matter(client: httpx.Client, models: tuple[str, str]) -> None:
    body = json.dumps({"database": "demo_db", "deployment": "demo", "model_path": models[0]})
    for kind in ("application/json; charset=UTF-8", "text/plain", "application/x-www-form-urlencoded"):
        # DolphinScheduler's HTTP task names the charset as a content encoding.
        headers = {"content-type": kind, "content-encoding": "UTF-8"}
        assert client.post("/update", content=body, headers=headers).status_code == 200


def test_an_update_that_fails_changes_nothing(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer, tmp_path: Path
) -> None:
    update(client, models[0])
    before = client.get("/health").json()
    prediction = client.post("/predict", json=CLICK).json()
    bad = tmp_path / "bad.json"
    bad.write_bytes(Path(models[0]).read_bytes()[:300])
    train(("app", "nowhere", "nothing")).save_model(tmp_path / "other.json")
    apiserver.deployments["demo_db", "texts"] = FakeDeployment(
        output=[{"name": n, "type": "string" if n in ("os", "qty") else "int32"} for n in FEATURES]
    )
    apiserver.deployments["demo_db", "twice"] = FakeDeployment(
        output=[{"name": n, "type": "int32"} for n in (*FEATURES, "os")]
    )
    apiserver.deployments["demo_db", "liar"] = FakeDeployment(compute=lambda row: {"app": 1})

    refused(update(client, models[1], deployment="gone"), 422, "no deployment demo_db.gone", "does not exist", "DEPLOY")
    refused(update(client, str(tmp_path / "none.json")), 422, "none.json", "No such file")
    refused(update(client, str(bad)), 422, "bad.json")
    refused(update(client, str(tmp_path / "other.json")), 422, "needs nowhere, nothing", "demo_db.demo")
    refused(update(client, models[0], deployment="texts"), 422, "os (string), qty (string)")
    refused(update(client, models[0], deployment="twice"), 422, "os more than once")
    refused(update(client, models[0], deployment="liar"), 502, "gives no feature 'device'")
    apiserver.answer_instead = lambda: Response("<html>", 404)
    refused(update(client, models[1]), 502, "HTTP 404")
    apiserver.answer_instead = lambda: Response("[]")
    refused(update(client, models[1]), 502, "did not answer as an APIServer does")
    apiserver.answer_instead = lambda: Response('{"code": 0, "msg": "ok", "data": {"input_schema": 3}}')
    refused(update(client, models[1]), 502, "in an unknown way")
    apiserver.answer_instead = None

    assert client.get("/health").json() == before
    assert client.post("/predict", json=CLICK).json() == prediction


def test_a_deployment_of_a_moment_ago_is_found(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    """OpenMLDB's APIServer keeps the catalog for a while; it knows new deployments after a refresh."""
    apiserver.not_seen_yet["demo_db", "new"] = FakeDeployment()
    assert update(client, models[0], deployment="new").status_code == 200
    assert client.post("/predict", json=CLICK).json()["deployment"] == "new"


def test_the_probe_needs_no_null(client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer) -> None:
    apiserver.deployments["demo_db", "demo"].not_null = tuple(CLICK)
    assert update(client, models[0]).status_code == 200
    refused(client.post("/predict", json=CLICK | {"os": None}), 400, "OpenMLDB refuses", "os", "NOT NULL")


def test_the_probe_has_a_value_of_every_type(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    kinds = ("bool", "int16", "int32", "int64", "float", "double", "string", "date", "timestamp")
    apiserver.deployments["demo_db", "kinds"] = FakeDeployment(
        input=[{"name": f"c_{kind}", "type": kind} for kind in kinds],
        output=[{"name": name, "type": "double"} for name in FEATURES],
        compute=lambda row: dict.fromkeys(FEATURES, 0.5),
    )
    assert update(client, models[0], deployment="kinds").status_code == 200
    assert apiserver.requests[-1]["input"] == [
        {"c_bool": False, "c_string": "", "c_date": "1970-1-1"}
        | {f"c_{kind}": 0 for kind in ("int16", "int32", "int64", "float", "double", "timestamp")}
    ]


def test_an_apiserver_that_fails_is_told(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    update(client, models[0])
    apiserver.answer_instead = lambda: Response('{"code": -1, "msg": "demo does not exist in demo_db"}')
    refused(client.post("/predict", json=CLICK), 502, "does not exist in demo_db", "POST /update again")
    apiserver.answer_instead = lambda: Response('{"code": 0, "msg": "ok", "data": {"data": []}}')
    refused(client.post("/predict", json=CLICK), 502, "one object for each of the 1 rows")
    apiserver.answer_instead = None
    apiserver.deployments["demo_db", "demo"].input.append({"name": "new_column", "type": "int32"})
    refused(client.post("/predict", json=CLICK), 502, "can't find new_column", "POST /update again")
    assert client.get("/health").json()["ready"] is True


def test_features_that_are_no_json_numbers_are_answered_as_texts(
    client: httpx.Client, models: tuple[str, str], apiserver: FakeApiServer
) -> None:
    update(client, models[0])
    apiserver.deployments["demo_db", "demo"].compute = lambda row: (
        dict.fromkeys(FEATURES, 1.0)
        | {
            "os": math.nan,
            "qty": math.inf,
            "hour": -math.inf,
        }
    )
    features = client.post("/predict", json=CLICK).json()["features"]
    assert (features["os"], features["qty"], features["hour"]) == ("NaN", "Infinity", "-Infinity")


def test_an_apiserver_that_is_not_there(models: tuple[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serving(url) as client:
        refused(update(client, models[0]), 503, url, "does not answer", "is it running")
        assert client.get("/health").json()["ready"] is False


def test_a_connection_that_the_apiserver_closed_is_opened_again(models: tuple[str, str]) -> None:
    """A server that ends every connection after its answer, without saying so."""
    listening = socket.create_server(("127.0.0.1", 0))
    served = 0

    def answer() -> None:
        nonlocal served
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                length = 0
                first = lines.readline()
                while (line := lines.readline().strip()) != b"":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                lines.read(length)
                data: dict[str, Any] = {"data": [dict.fromkeys(FEATURES, 1)]}
                if not first.startswith(b"POST /dbs"):
                    data = {
                        "input_schema": [{"name": "a", "type": "int32"}],
                        "output_schema": [{"name": n, "type": "int32"} for n in FEATURES],
                    }
                body = json.dumps({"code": 0, "msg": "ok", "data": data}).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                served += 1

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with serving(url) as client:
            assert update(client, models[0]).status_code == 200
            for _ in range(20):
                assert client.post("/predict", json={"a": 1}).status_code == 200
    finally:
        listening.close()
    assert served == 23  # of the update: refresh, schema, probe


def test_every_answer_belongs_to_one_pair(
    client: httpx.Client,
    server: PredictionServer,
    models: tuple[str, str],
    boosters: tuple[xgboost.Booster, xgboost.Booster],
    apiserver: FakeApiServer,
) -> None:
    """While two pairs take turns, every answer's features, model and prediction are of one of them."""
    apiserver.deployments["demo_db", "shifted"] = FakeDeployment(
        compute=lambda row: click_features(row) | {"app": row["app"] + 1000, "channel": row["channel"] + 1000}
    )
    pairs = {"demo": (models[0], boosters[0], 0), "shifted": (models[1], boosters[1], 1000)}
    update(client, models[0])
    stop = threading.Event()
    seen: set[str] = set()
    rows = [CLICK | {"app": i, "channel": 40 * i % 397} for i in range(40)]

    def ask() -> int:
        asked = 0
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as mine:
            while not stop.is_set():
                answers = mine.post("/predict", json=rows).json()
                assert len({(a["deployment"], a["model"]["name"]) for a in answers}) == 1
                path, booster, shift = pairs[answers[0]["deployment"]]
                assert answers[0]["model"]["name"] == Path(path).name
                for row, answer in zip(rows, answers, strict=True):
                    features = answer["features"]
                    assert features["channel"] == row["channel"] + shift
                    matrix = np.array([[features[n] for n in booster.feature_names or []]], dtype=np.float32)
                    told = booster.predict(xgboost.DMatrix(matrix, feature_names=booster.feature_names))[0]
                    assert answer["prediction"] == pytest.approx(float(told), rel=1e-6)
                seen.add(answers[0]["deployment"])
                asked += 1
        return asked

    with ThreadPoolExecutor(2) as pool:
        askers = [pool.submit(ask) for _ in range(2)]
        deadline = time.monotonic() + 60
        try:
            for turn in range(1000):
                name = ("shifted", "demo")[turn % 2]
                assert update(client, pairs[name][0], deployment=name).status_code == 200
                # From the answer of the update on, the new pair serves.
                assert client.post("/predict", json=CLICK).json()["deployment"] == name
                if turn >= 20 and seen == set(pairs):
                    break
                assert time.monotonic() < deadline
        finally:
            stop.set()
        assert sum(asker.result(60) for asker in askers) > 0
    assert seen == {"demo", "shifted"}


def test_updates_at_once_are_done_one_after_the_other(client: httpx.Client, models: tuple[str, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: update(client, models[i % 2]), range(4)))
    assert [a.status_code for a in answers] == [200] * 4
    assert [a.json()["model"]["name"] for a in answers] == [Path(models[i % 2]).name for i in range(4)]
    assert client.get("/health").json()["model"]["name"] in {Path(path).name for path in models}


def test_a_restart_serves_what_was_served_before(
    apiserver: FakeApiServer, models: tuple[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept" / "models"
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[0])
        update(client, models[1])
        update(client, "/nowhere.json")
        before = client.post("/predict", json=CLICK).json()
    Path(models[1]).unlink()  # the copy is what counts
    with serving(apiserver.url, model_dir=kept) as client:
        assert client.get("/health").json()["ready"] is True
        assert client.post("/predict", json=CLICK).json() == before
        assert before["model"]["name"] == Path(models[1]).name


def test_old_copies_are_removed_and_nothing_else(
    apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str]
) -> None:
    mine = tmp_path / "model-0123.json"
    mine.write_text("a training's own output in the same directory")
    with serving(apiserver.url, model_dir=tmp_path) as client:
        for seed in range(4):
            path = tmp_path / f"model-{seed}.json"
            train(seed=seed).save_model(path)
            assert update(client, str(path)).status_code == 200
    assert mine.read_text().startswith("a training")
    assert len(list(tmp_path.glob("model-*.json"))) == 5
    assert len(list(tmp_path.glob("served-*"))) == 2  # the one in service and the one before it
    assert not list(tmp_path.glob(".*tmp"))


@pytest.mark.parametrize("damage", ["manifest", "copy", "missing", "format"])
def test_a_pair_that_cannot_be_restored_is_told_and_can_be_replaced(
    apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str], damage: str
) -> None:
    kept = tmp_path / "kept"
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[0])
    (copy,) = kept.glob("served-*")
    manifest = kept / "serving.json"
    if damage == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:100])
    elif damage == "format":
        manifest.write_text(manifest.read_text().replace('"format": 2', '"format": 9'))
    elif damage == "copy":
        copy.write_bytes(copy.read_bytes()[:-1] + b" ")
    else:
        copy.unlink()
    with serving(apiserver.url, model_dir=kept) as client:
        health = client.get("/health").json()
        assert (health["status"], health["ready"]) == ("no model", False)
        assert "POST /update" in health["restore_error"]
        assert update(client, models[0]).status_code == 200
        assert "restore_error" not in client.get("/health").json()


def test_a_full_disk_keeps_the_old_pair(
    apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[0])
        before = (kept / "serving.json").read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("dsflow.serving.store.os.fsync", full)
        refused(update(client, models[1]), 500, "No space left on device", "old pair stays")
        monkeypatch.undo()
        assert client.get("/health").json()["model"]["name"] == Path(models[0]).name
        assert (kept / "serving.json").read_bytes() == before
        assert not list(kept.glob(".*tmp"))


def test_one_server_for_each_model_directory(apiserver: FakeApiServer, tmp_path: Path) -> None:
    other = PredictionServer(apiserver.url, model_dir=tmp_path, options=EVERYWHERE)
    with (
        PredictionServer(apiserver.url, model_dir=tmp_path, options=EVERYWHERE),
        pytest.raises(StoreError, match="in use by another prediction server"),
    ):
        other.start()
    with PredictionServer(apiserver.url, model_dir=tmp_path, options=EVERYWHERE):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        PredictionServer(apiserver.url, model_dir=tmp_path / "file", options=EVERYWHERE).start()


def test_the_programmatic_server_starts_and_stops(apiserver: FakeApiServer) -> None:
    server = PredictionServer(apiserver.url, options=EVERYWHERE)
    with pytest.raises(ServingError, match="not running"):
        _ = server.url
    for _ in range(2):
        with server:
            url = server.url
            assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
            with pytest.raises(ServingError, match="running already"):
                server.start()
            port = int(url.rsplit(":", 1)[1])
            with pytest.raises(ServingError, match=f"cannot listen on 127.0.0.1:{port}"):
                PredictionServer(apiserver.url, port=port, options=EVERYWHERE).start()
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health", trust_env=False)


def test_what_is_cut_off_is_answered_and_leaves_no_traceback(
    apiserver: FakeApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dsflow.serving.server._GRACE_SECONDS", 1)
    with PredictionServer(apiserver.url, options=EVERYWHERE) as server:
        port = int(server.url.rsplit(":", 1)[1])
        half = socket.create_connection(("127.0.0.1", port), timeout=30)
        half.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{")
        httpx.get(f"{server.url}/health", trust_env=False)  # by then the half request is taken up
    with half:
        head, _, body = half.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["error"] == "the prediction server ends"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://h:x", "http://h/?q=1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="not the URL"):
        PredictionServer(url, options=EVERYWHERE)


SERVE = """
import sys
from pathlib import Path
from dsflow.serving import serve
serve(sys.argv[1], "127.0.0.1", 0, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_it_is_told_to_stop(apiserver: FakeApiServer, tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVE, apiserver.url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found, line
            assert httpx.get(f"{found[0]}/health", trust_env=False).json()["status"] == "no model"
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err


def test_serve_says_why_it_cannot_start(apiserver: FakeApiServer, tmp_path: Path) -> None:
    with PredictionServer(apiserver.url, model_dir=tmp_path, options=EVERYWHERE):
        command = [sys.executable, "-c", SERVE, apiserver.url, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "in use by another prediction server" in done.stderr.splitlines()[-2]


def test_the_environments_proxy_is_not_asked(
    apiserver: FakeApiServer, models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(apiserver.url) as client:
        assert update(client, models[0]).status_code == 200


def test_a_package_that_is_missing_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "import dsflow.serving\n"
        "try:\n    dsflow.serving.serve\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert MissingExtraError.__name__ in done.stdout
    assert "dsflow-openmldb[serve]" in done.stdout
