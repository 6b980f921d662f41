"""The servers that benchmarks/serving.py compares; each is a process of its own and prints its URL.

    python benchmarks/serving_peers.py KIND APISERVER MODEL

floor: the HTTP server of dsflow (uvicorn, uvloop, httptools) with a constant answer; floor2: two of them. tornado: as
OpenMLDB's demo of the TalkingData competition serves: a handler that blocks, a new connection to the APIServer for each
request, a DMatrix of one row, xgboost's default threads. fastapi: what one writes in an afternoon: a pooled
asynchronous client and in-place prediction. unjoined: dsflow, one call of the APIServer and the model for each request.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from serving_parts import DATABASE, FEATURES

PATH = f"/dbs/{DATABASE}/deployments/demo"
ORDER = tuple(FEATURES)
PR_SET_PDEATHSIG = 1


def listen(*, twice: bool = False) -> socket.socket:
    """A socket on a free port, whose URL is printed; twice: this process becomes two, each with a socket on it."""
    listening = _bound(0, shared=twice)
    if twice:
        second = _bound(listening.getsockname()[1], shared=True)
        if os.fork() == 0:
            # ends with the other one, and prints nothing
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            return second
        second.close()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    return listening


def _bound(port: int, *, shared: bool) -> socket.socket:
    listening = socket.create_server(("127.0.0.1", port), backlog=1024, reuse_port=shared)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def under_uvicorn(app: Any, *, twice: bool = False) -> None:
    """Serve an ASGI application as dsflow does."""
    import uvicorn

    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", lifespan="off", server_header=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listen(twice=twice)])


def floor(apiserver: str, model: str, *, twice: bool = False) -> None:
    """A constant, as long as a prediction is."""
    body = json.dumps({"deployment": "demo", "features": FEATURES, "prediction": 0.1234567}).encode().ljust(340)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    under_uvicorn(app, twice=twice)


def floor2(apiserver: str, model: str) -> None:
    """Two processes of it."""
    floor(apiserver, model, twice=True)


def tornado(apiserver: str, model: str) -> None:
    """The demo's way."""
    import requests
    import tornado.httpserver
    import tornado.web

    booster = xgboost.Booster(model_file=model)

    class Predict(tornado.web.RequestHandler):  # type: ignore[misc]
        def post(self) -> None:
            row = json.loads(self.request.body)
            told = requests.post(apiserver + PATH, json={"input": [row]}, timeout=10).json()
            features = told["data"]["data"][0]
            matrix = xgboost.DMatrix(np.array([[features[name] for name in ORDER]]), feature_names=list(ORDER))
            self.write({"features": features, "prediction": float(booster.predict(matrix)[0])})

    async def main() -> None:
        server = tornado.httpserver.HTTPServer(tornado.web.Application([("/predict", Predict)]))
        listening = listen()
        listening.setblocking(False)
        server.add_sockets([listening])
        await asyncio.Event().wait()

    asyncio.run(main())


def fastapi(apiserver: str, model: str) -> None:
    """An afternoon's work."""
    import httpx
    from fastapi import FastAPI

    booster = xgboost.Booster(params={"nthread": 1}, model_file=model)
    booster.set_param({"nthread": 1})
    client = httpx.AsyncClient(base_url=apiserver, limits=httpx.Limits(max_connections=64), trust_env=False)
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: dict[str, Any]) -> dict[str, Any]:
        told = (await client.post(PATH, json={"input": [row]})).json()
        features = told["data"]["data"][0]
        vector = np.array([[features[name] for name in ORDER]], dtype=np.float32)
        return {"features": features, "prediction": float(booster.inplace_predict(vector, validate_features=False)[0])}

    under_uvicorn(app)


def unjoined(apiserver: str, model: str) -> None:
    """dsflow, but each request is a call of its own."""
    from serving_parts import update

    from dsflow.serving import PredictionServer
    from dsflow.serving.joining import Joiner
    from dsflow.serving.options import Options

    assert Joiner.__init__.__kwdefaults__ is not None
    Joiner.__init__.__kwdefaults__.update(calls=64, rows=1)
    with PredictionServer(apiserver, options=Options(models=(Path(model).parent,))) as server:
        update(server.url, "demo", Path(model))
        print(server.url, flush=True)
        signal.pause()


if __name__ == "__main__":
    {"floor": floor, "floor2": floor2, "tornado": tornado, "fastapi": fastapi, "unjoined": unjoined}[sys.argv[1]](
        *sys.argv[2:]
    )
