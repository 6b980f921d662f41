"""Requests made from the OpenAPI description, and from it made wrong: no fault of the server, no hang.

DSFLOW_FUZZ=long sends more than 10,000.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from dsflow.serving import Options, PredictionServer
from tests.conftest import Report
from tests.unit.serving.fakes import FakeApiServer, train

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

EACH = 1000 if os.environ.get("DSFLOW_FUZZ") == "long" else 15
SECONDS = 30.0  # an answer that takes longer counts as a hang


@pytest.mark.timeout(3600)
def test_requests_from_the_description(tmp_path: Path, report: Report) -> None:
    train().save_model(tmp_path / "m.json")
    apiserver = FakeApiServer()
    apiserver.start()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    try:
        options = Options(models=(tmp_path,), services=("other",))
        # one session for all: those that schemathesis makes for itself are left to the garbage collector
        with PredictionServer(apiserver.url, options=options) as server, requests.Session() as session:
            session.trust_env = False
            with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
                body = {"database": "demo_db", "deployment": "demo", "model_path": str(tmp_path / "m.json")}
                for path in ("/update", "/update/other"):
                    assert client.post(path, json=body).status_code == 200
                described = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
            described.config.base_url = server.url
            modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
            operations = [found.ok() for found in described.get_all_operations()]
            for operation in operations:
                for mode in modes:

                    def ask(case: Any) -> None:
                        nonlocal slowest
                        begun = time.monotonic()
                        answer = case.call(timeout=SECONDS, session=session)
                        slowest = max(slowest, time.monotonic() - begun)
                        statuses[answer.status_code] += 1
                        assert answer.status_code not in (500, 502), (case.method, case.path, case.body, answer.text)
                        assert answer.status_code < 500 or answer.status_code == 503, answer.text

                    strategy = operation.as_strategy(generation_mode=mode)
                    checked = given(case=strategy)(ask)
                    try:
                        settings(
                            max_examples=EACH,
                            database=None,
                            deadline=None,
                            phases=[Phase.generate],
                            suppress_health_check=list(HealthCheck),
                        )(checked)()
                    except (schemathesis.errors.SchemathesisError, Unsatisfiable):
                        continue  # an operation without parameters has no wrong form
            with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
                assert client.get("/health").status_code == 200
    finally:
        apiserver.stop()
    count = sum(statuses.values())
    lines = [f"{count} requests to {len(operations)} operations, slowest {slowest:.2f} s"]
    lines += [f"  {status}: {number}" for status, number in sorted(statuses.items())]
    report("requests made from the prediction server's description", lines)
    assert statuses[200]
    assert statuses[400]
    if EACH > 100:
        assert count >= 10_000
