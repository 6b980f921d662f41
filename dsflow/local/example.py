"""One real prediction at the end of a local run: for a new row, one like those in the table."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from dsflow.errors import RunError

LATER_MS = 1000


def ask_prediction(predict_url: str, openmldb_url: str) -> dict[str, Any] | None:
    """Ask the prediction server once: ``{"request": ..., "answer": ...}``.

    The request is a row of the online table a second later. The row itself would meet its own copy in the windows, and
    be counted twice.

    Returns:
        The request and the answer; None when no model is served (the workflow did not hand one over), or the table is
        empty.

    Raises:
        RunError: a server answers with an error.
    """
    import httpx

    with httpx.Client(timeout=30, trust_env=False) as client:
        schema = client.get(f"{predict_url}/schema")
        if schema.status_code != 200:
            return None
        served = schema.json()
        deployment = f"{quote(served['database'], safe='')}/deployments/{quote(served['deployment'], safe='')}"
        described = _data(client.get(f"{openmldb_url}/dbs/{deployment}").json(), served)
        source = _data(client.get(f"{openmldb_url}/dsflow/dbs/{deployment}/request").json(), served)
        query = {"mode": "online", "sql": f"SELECT * FROM `{source['db']}`.`{source['table']}` LIMIT 1"}
        rows = client.post(f"{openmldb_url}/dbs/{quote(served['database'], safe='')}", json=query).json()
        if not rows.get("data", {}).get("data"):
            return None
        names = [column["name"] for column in described["input_schema"]]
        request = dict(zip(names, rows["data"]["data"][0], strict=True))
        place = f"{quote(source['db'], safe='')}/tables/{quote(source['table'], safe='')}"
        keys = client.get(f"{openmldb_url}/dbs/{place}").json().get("table", {}).get("column_key", ())
        for name in {key["ts_name"] for key in keys if "ts_name" in key}:
            if isinstance(request.get(name), int):
                request[name] += LATER_MS
        answer = client.post(f"{predict_url}/predict", json=request)
        if answer.status_code != 200:
            raise RunError(
                f"the prediction server answered {answer.status_code} to {json.dumps(request)}: {answer.text}"
            )
        return {"request": request, "answer": answer.json()}


def _data(answer: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
    if "data" not in answer:
        raise RunError(f"deployment {served['deployment']!r} cannot be asked: {answer.get('msg')}")
    return dict(answer["data"])
