"""A small APIServer over real HTTP, and models to serve."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
import xgboost
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dsflow.serving import Options

EVERYWHERE = Options(models=(Path("/"),))
"""For tests that are not about where models lie."""

CLICK = {
    "ip": 114904,
    "app": 11,
    "device": 1,
    "os": 15,
    "channel": 319,
    "click_time": 1509960088000,
    "is_attributed": 0,
}
INPUT = [
    {"name": name, "type": "timestamp" if name == "click_time" else "int32"}
    for name in ("ip", "app", "device", "os", "channel", "click_time", "is_attributed")
]
FEATURES = ("app", "device", "os", "channel", "hour", "qty")
OUTPUT = [
    {"name": "is_attributed", "type": "int32"},
    *({"name": name, "type": "int32"} for name in FEATURES[:5]),
    {"name": "qty", "type": "int64"},
]


def click_features(row: dict[str, Any]) -> dict[str, Any]:
    """What the fake deployment computes: columns handed through, the hour at UTC+8, and a count."""
    moment = row["click_time"]
    return {
        "is_attributed": row["is_attributed"],
        "app": row["app"],
        "device": row["device"],
        "os": row["os"],
        "channel": row["channel"],
        "hour": None if moment is None else (moment // 3_600_000 + 8) % 24,
        "qty": None if row["channel"] is None else row["channel"] % 7 + 1,
    }


@dataclass
class FakeDeployment:
    input: list[dict[str, str]] = field(default_factory=lambda: [dict(column) for column in INPUT])
    output: list[dict[str, str]] = field(default_factory=lambda: [dict(column) for column in OUTPUT])
    compute: Callable[[dict[str, Any]], dict[str, Any]] = click_features
    not_null: tuple[str, ...] = ()


class FakeApiServer:
    """Speaks the APIServer's protocol for deployments, over TCP."""

    def __init__(self, port: int = 0) -> None:
        self.deployments: dict[tuple[str, str], FakeDeployment] = {("demo_db", "demo"): FakeDeployment()}
        self.not_seen_yet: dict[tuple[str, str], FakeDeployment] = {}
        self.requests: list[dict[str, Any]] = []
        self.stored: dict[str, list[dict[str, Any]]] = {}
        self.answer_instead: Callable[[], Response] | None = None
        app = Starlette(
            routes=[
                Route("/refresh", self._refresh, methods=["POST"]),
                Route("/dbs/{db}/deployments/{name}", self._describe, methods=["GET"]),
                Route("/dbs/{db}/deployments/{name}", self._execute, methods=["POST"]),
                Route("/dbs/{db}", self._query, methods=["POST"]),
            ]
        )
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        self._socket = socket.create_server(("127.0.0.1", port))
        # Otherwise headers and body, sent apart, cost the 40 ms of a delayed acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()

    def reset(self) -> None:
        self.deployments = {("demo_db", "demo"): FakeDeployment()}
        self.not_seen_yet = {}
        self.requests = []
        self.stored = {}
        self.answer_instead = None

    async def _refresh(self, request: Request) -> Response:
        self.deployments |= self.not_seen_yet
        self.not_seen_yet = {}
        return _json({"code": 0, "msg": "ok"})

    async def _query(self, request: Request) -> Response:
        sql = json.loads(await request.body())["sql"]
        found = re.fullmatch(r"SELECT \* FROM (\w+) LIMIT (\d+)", sql)
        if found is None or found[1] not in self.stored:
            return _json({"code": 2000, "msg": f"table not found: {sql}"})
        rows = self.stored[found[1]][: int(found[2])]
        return _json({"code": 0, "msg": "ok", "data": {"schema": [], "data": [list(row.values()) for row in rows]}})

    async def _describe(self, request: Request) -> Response:
        if self.answer_instead is not None:
            return self.answer_instead()
        key = request.path_params["db"], request.path_params["name"]
        deployment = self.deployments.get(key)
        if deployment is None:
            return _json({"code": -1, "msg": f"{key[1]} does not exist in {key[0]}"})
        data = {"name": key[1], "input_schema": deployment.input, "output_schema": deployment.output}
        return _json({"code": 0, "msg": "ok", "data": data})

    async def _execute(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.requests.append(body)
        if self.answer_instead is not None:
            return self.answer_instead()
        key = request.path_params["db"], request.path_params["name"]
        deployment = self.deployments.get(key)
        if deployment is None:
            return _json({"code": -1, "msg": f"{key[1]} does not exist in {key[0]}"})
        rows = []
        for number, row in enumerate(body["input"]):
            for column in deployment.input:
                told = f"Translate to request row failed in map row {number}, "
                if column["name"] not in row:
                    return _json({"code": -1, "msg": f"{told}can't find {column['name']}"})
                if row[column["name"]] is None and column["name"] in deployment.not_null:
                    return _json({"code": -1, "msg": f"{told}trans failed on {column['name']}(2): null"})
            rows.append(deployment.compute(row))
        return _json({"code": 0, "msg": "ok", "data": {"data": rows}})


def _json(content: object) -> Response:
    return Response(json.dumps(content), media_type="application/json")


def train(
    features: tuple[str, ...] = FEATURES, *, seed: int = 1, objective: str = "binary:logistic", **params: Any
) -> xgboost.Booster:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 400, size=(400, len(features))).astype(np.float32)
    label = (rows[:, 0] + rng.normal(size=400) * 40 > 200).astype(int)
    matrix = xgboost.DMatrix(rows, label, feature_names=list(features))
    settings = {"objective": objective, "max_depth": 3, "nthread": 1, "seed": seed} | params
    return xgboost.train({name: value for name, value in settings.items() if value is not None}, matrix, 8)


def update(client: httpx.Client, path: str, **more: Any) -> httpx.Response:
    return client.post("/update", json={"database": "demo_db", "deployment": "demo", "model_path": path} | more)
