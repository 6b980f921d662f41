"""The prediction server's client of the APIServer, on OpenMLDB's own REST cases."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from dsflow.embedded.server import EmbeddedServer
from dsflow.serving.apiserver import ApiServer, Deployment
from dsflow.serving.errors import ApiServerError, NotServableError
from dsflow.worker.client import Session

from .test_restful import CASES, prepare, server

__all__ = ["server"]

EXECUTIONS = [
    case
    for case in CASES
    if case.values[0]["request"]["method"] == "POST" and "/deployments/" in case.values[0]["request"]["uri"]
]
WHY = "set DSFLOW_TEST_OPENMLDB to the folder with restful_cases.jsonl to run this"


@pytest.mark.skipif(not EXECUTIONS, reason=WHY)
@pytest.mark.parametrize("case", EXECUTIONS or [None])
def test_case(case: dict[str, Any], server: EmbeddedServer) -> None:
    """What the case expects, asked for with objects by column name, as the prediction server asks."""
    prepare(Session(server.url), case["before"])
    found = re.fullmatch(r"/dbs/(\w+)/deployments/(\w+)", case["request"]["uri"])
    assert found is not None
    rows = json.loads(case["request"]["body"]).get("input", [])

    async def go() -> None:
        client = ApiServer(server.url)
        try:
            if "does not exist" in (case.get("source_says") or {}).get("msg", ""):
                with pytest.raises(NotServableError, match=r"has no deployment"):
                    await client.deployment(found[1], found[2])
                gone = Deployment(found[1], found[2], (), ())
                with pytest.raises(ApiServerError, match=r"does not exist in"):
                    await client.features(gone, [{"c1": 1}])
                return
            deployment = await client.deployment(found[1], found[2])
            names = [column.name for column in deployment.input]
            if case["expect"]["code"] != 0:  # rows that are no rows: the prediction server does not send them
                with pytest.raises(ApiServerError):
                    await client.features(deployment, [{} for _ in rows])
                return
            asked = [dict(zip(names, row, strict=True)) if isinstance(row, list) else row for row in rows]
            features = await client.features(deployment, asked)
            wanted = case["expect"]["json_path"]
            outputs = [column.name for column in deployment.output]
            schema = [column.to_json() for column in deployment.output]
            assert [[row[name] for name in outputs] for row in features] == wanted["$.data.data"]
            assert schema == wanted.get("$.data.schema", schema)
        finally:
            await client.aclose()

    asyncio.run(go())
