"""What an APIServer may answer to a comparison, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dsflow import FeatureView, Table, Workflow, types
from dsflow.consistency import measure
from dsflow.consistency.cluster import BATCH, Cluster
from dsflow.errors import DeclarationError, ServerError, UnreachableError
from dsflow.openmldb.types import ColumnType

Answer = Callable[[httpx.Request], httpx.Response]


def cluster(answer: Answer | dict[str, Any]) -> Cluster:
    def given(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer) if isinstance(answer, dict) else answer(request)

    return Cluster("here:1", timeout=5, transport=httpx.MockTransport(given))


def job(state: str, error: str | None = None) -> dict[str, Any]:
    return {"code": 0, "data": {"data": [[7, "ExportOfflineData", state, 1, 2, "SELECT", "local", "", error]]}}


def test_a_job_that_failed_is_named() -> None:
    cluster(job("Finished")).job("d", "SELECT")
    with pytest.raises(ServerError, match="job 7 is FAILED: no such column\n  SELECT") as caught:
        cluster(job("FAILED", "no such column")).job("d", "SELECT")
    assert caught.value.hint == "SHOW JOBLOG 7 tells more"
    with pytest.raises(ServerError, match="job 7 is RUNNING: it gives no reason"):
        cluster(job("RUNNING")).job("d", "SELECT")


def test_a_refusal_shows_the_statement() -> None:
    with pytest.raises(ServerError, match="OpenMLDB refuses: no\n  DROP TABLE x"):
        cluster({"code": -1, "msg": "no"}).run("d", "DROP TABLE x")


def test_offline_statements_are_awaited() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json=job("FINISHED"))

    cluster(answer).job("d", "SELECT")
    assert seen == [("/dbs/d", {"mode": "offsync", "sql": "SELECT", "timeout": 5000})]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"status": "ok"}'])
def test_something_else_at_the_address(content: bytes) -> None:
    with pytest.raises(ServerError, match="http://here:1 did not answer as an APIServer does"):
        cluster(lambda request: httpx.Response(200, content=content)).run("d", "x")


def test_no_answer() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UnreachableError, match="the APIServer at http://here:1 does not answer: refused"):
        cluster(answer).run("d", "x")


def test_requests_go_in_parts_and_come_back_in_order() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        rows = json.loads(request.content)["input"]
        sizes.append(len(rows))
        return httpx.Response(200, json={"code": 0, "data": {"data": [{"n": row["n"] + 1} for row in rows]}})

    rows = [{"n": number} for number in range(BATCH + 5)]
    found = cluster(answer).features("d", "demo", {"n": ColumnType.INT}, rows)
    assert [row["n"] for row in found] == list(range(1, BATCH + 6))
    assert sizes == [BATCH, 5]


def test_an_answer_with_other_rows() -> None:
    with pytest.raises(ServerError, match="answered 2 rows with 1"):
        cluster({"code": 0, "data": {"data": [{"n": 1}]}}).features("d", "demo", {}, [{"n": 1}, {"n": 2}])


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(ServerError, match=r"there is no table d\.t at http://here:1"):
        cluster({"code": 0, "data": {"data": [["1", "t", "other", "memory", "3"]]}}).online_rows("d", "t")


def schema(*columns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in columns]


def check(answer: dict[str, Any], **more: Any) -> None:
    given: dict[str, Any] = {"sql": "SELECT a FROM t", "database": "d", "table": "t", "deployment": "demo"}
    measure(cluster(answer), columns={"a": ColumnType.INT}, **(given | more))


def test_a_deployment_of_other_rows() -> None:
    answer = {"code": 0, "data": {"input_schema": schema(("a", "int64")), "output_schema": schema(("a", "int32"))}}
    with pytest.raises(ServerError, match=r"takes rows of a bigint, and t is declared with a int"):
        check(answer)


def test_a_deployment_that_is_not_there() -> None:
    with pytest.raises(ServerError, match=r"there is no deployment d\.demo at http://here:1: gone"):
        check({"code": -1, "msg": "gone"})


@pytest.mark.parametrize("sample", [0, -1, True, 1.5])
def test_no_number_of_rows(sample: Any) -> None:
    with pytest.raises(DeclarationError, match="is not a number of rows"):
        check({"code": 0}, sample=sample)


def test_placeholders_need_values() -> None:
    table = Table("t", database="d", a=types.Int)
    view = FeatureView("f", source=table, sql="SELECT a + ${more} AS a FROM t")
    with pytest.raises(DeclarationError, match=r"feature view 'f': \$\{more\} has no value") as caught:
        view.consistency("http://127.0.0.1:1")
    assert caught.value.hint == "give it: params={'more': ...}"
    with pytest.raises(UnreachableError):
        view.consistency("http://127.0.0.1:1", params={"more": 1})


def test_a_workflows_defaults_fill_placeholders() -> None:
    with Workflow("w", project="p", params={"db": "d", "more": 2, "name": "demo"}) as wf:
        table = Table("t", database=wf.params.db, a=types.Int)
        view = FeatureView("f", source=table, sql="SELECT a + ${more} AS a FROM t")
        view.deploy(wf.params.name)
    with pytest.raises(UnreachableError):
        view.consistency("http://127.0.0.1:1")


def test_a_query_of_something_else_is_named_at_its_place() -> None:
    view = FeatureView("f", source=Table("t", database="d", a=types.Int), sql="SELECT a FROM (SELECT a FROM z) AS q")
    with pytest.raises(DeclarationError, match=r"test_cluster\.py:\d+: feature view 'f': the features cannot be asked"):
        view.consistency("http://127.0.0.1:1")
