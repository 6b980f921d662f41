"""Requests that wait together are answered together, each as if it had come alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.openmldb.types import ColumnType
from dsflow.serving import schema
from dsflow.serving.apiserver import ApiServer, Deployment
from dsflow.serving.codec import Codec, Unreadable
from dsflow.serving.errors import ApiServerError, ApiServerUnreachableError, BadRequestError, ServingError
from dsflow.serving.joining import Batch, Joiner
from dsflow.serving.model import load_checked
from dsflow.serving.pair import Pair, fit
from dsflow.serving.schema import Column

from .fakes import CLICK, FEATURES, INPUT, OUTPUT, click_features

DEPLOYMENT = Deployment("demo_db", "demo", tuple(map(Column.from_json, INPUT)), tuple(map(Column.from_json, OUTPUT)))


@pytest.fixture(scope="module")
def pair(boosters: tuple[xgboost.Booster, xgboost.Booster]) -> Pair:
    return fit(DEPLOYMENT, load_checked("/models/first.json", bytes(boosters[0].save_raw("json"))), {})


@dataclass
class FakeClient(ApiServer):
    """Answers of an APIServer without HTTP, one event loop turn later."""

    answer: Callable[[list[dict[str, Any]]], str] = lambda rows: told(list(map(click_features, rows)))
    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    def __post_init__(self) -> None:
        super().__init__("http://127.0.0.1:9")

    async def execute(self, deployment: Deployment, body: bytes, timeout: float | None = None) -> bytes:
        rows = json.loads(body)["input"]
        self.calls.append(rows)
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        return self.answer(rows).encode()


def told(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"code": 0, "msg": "ok", "data": {"data": rows}})


def ask(joiner: Joiner, requests: Sequence[Sequence[dict[str, Any]]]) -> list[Any]:
    """All requests at once; the answer of each as JSON, or its error."""

    async def one(rows: Sequence[dict[str, Any]]) -> Any:
        codec = joiner.codec
        read, _ = codec.rows(json.dumps(rows).encode())
        features, values, _, _ = await joiner.predict(read)
        return [json.loads(codec.encode(codec.answer(f, v))) for f, v in zip(features, values, strict=True)]

    async def go() -> list[Any]:
        return await asyncio.gather(*map(one, requests), return_exceptions=True)

    return asyncio.run(go())


def test_what_arrives_together_is_one_call_and_answered_as_if_alone(pair: Pair) -> None:
    client = FakeClient()
    requests = [[CLICK | {"app": 10 * i + j, "channel": 7 * i} for j in range(i % 3 + 1)] for i in range(20)]
    answers = ask(Joiner(pair, client), requests)
    assert [len(call) for call in client.calls] == [sum(map(len, requests))]
    for rows, answer in zip(requests, answers, strict=True):
        assert answer == ask(Joiner(pair, FakeClient()), [rows])[0]
        assert [a["features"]["app"] for a in answer] == [row["app"] for row in rows]


def test_what_arrives_while_calls_are_under_way_goes_with_the_next(pair: Pair) -> None:
    client = FakeClient()
    joiner = Joiner(pair, client, calls=2, rows=4)

    async def go() -> None:
        client.hold = asyncio.Event()
        (row,), _ = joiner.codec.rows(json.dumps([CLICK]).encode())
        asked = []
        for _ in range(8):
            asked.append(asyncio.create_task(joiner.predict([row])))
            for _ in range(3):
                await asyncio.sleep(0)
        assert [len(call) for call in client.calls] == [1, 1]
        client.hold.set()
        await asyncio.gather(*asked)

    asyncio.run(go())
    assert [len(call) for call in client.calls] == [1, 1, 4, 2]


def test_a_row_that_openmldb_refuses_fails_its_own_request_alone(pair: Pair) -> None:
    def answer(rows: list[dict[str, Any]]) -> str:
        bad = next((i for i, row in enumerate(rows) if row["app"] is None), None)
        if bad is None:
            return told(list(map(click_features, rows)))
        text = f"Translate to request row failed in map row {bad}, trans failed on app(2): null"
        return json.dumps({"code": -1, "msg": text})

    requests = [[CLICK | {"app": None if i in (5, 11) else i}] for i in range(16)]
    answers = ask(Joiner(pair, FakeClient(answer)), requests)
    for i, found in enumerate(answers):
        if i in (5, 11):
            assert isinstance(found, BadRequestError)
            assert "map row 0" in found.message  # of its own request
        else:
            assert found[0]["features"]["app"] == i


def test_a_feature_that_is_no_number_fails_its_own_request_alone(pair: Pair) -> None:
    def answer(rows: list[dict[str, Any]]) -> str:
        return told([click_features(row) | ({"qty": "many"} if row["app"] == 3 else {}) for row in rows])

    answers = ask(Joiner(pair, FakeClient(answer)), [[CLICK | {"app": i}] for i in range(6)])
    assert [isinstance(found, ApiServerError) for found in answers] == [i == 3 for i in range(6)]


def test_features_that_json_has_no_number_for_go_out_as_texts_and_the_others_stay(pair: Pair) -> None:
    def answer(rows: list[dict[str, Any]]) -> str:
        nan = {1: float("nan"), 2: float("-inf")}
        return told([click_features(row) | {"qty": nan.get(row["app"], 7)} for row in rows])

    answers = ask(Joiner(pair, FakeClient(answer)), [[CLICK | {"app": i}] for i in range(4)])
    assert [found[0]["features"]["qty"] for found in answers] == [7, "NaN", "-Infinity", 7]
    alone = ask(Joiner(pair, FakeClient()), [[CLICK | {"app": 3, "channel": 6}]])
    assert alone[0][0]["features"]["qty"] == 7  # read by the compiled reader; the same prediction
    same = ask(Joiner(pair, FakeClient(answer)), [[CLICK | {"app": 3, "channel": 6}]])
    assert same == alone


def test_an_apiserver_that_is_gone_is_told_to_everybody_after_one_call(pair: Pair) -> None:
    client = FakeClient()

    async def fail(deployment: Deployment, body: bytes, timeout: float | None = None) -> bytes:
        client.calls.append([])
        raise ApiServerUnreachableError("gone")

    client.execute = fail  # type: ignore[method-assign]
    answers = ask(Joiner(pair, client), [[CLICK]] * 10)
    assert all(isinstance(found, ApiServerUnreachableError) and found.retry_after == 1 for found in answers)
    assert len(client.calls) == 1


def test_what_waited_too_long_for_calls_that_hang_is_told_so_and_not_asked(pair: Pair) -> None:
    client = FakeClient()
    client.timeout = 0.05
    joiner = Joiner(pair, client, calls=1)

    async def go() -> None:
        client.hold = asyncio.Event()
        (row,), _ = joiner.codec.rows(json.dumps([CLICK]).encode())
        first = asyncio.create_task(joiner.predict([row]))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(joiner.predict([row]))
        await asyncio.sleep(0.1)
        client.hold.set()
        await first
        with pytest.raises(ApiServerUnreachableError, match="in time"):
            await second

    asyncio.run(go())
    assert len(client.calls) == 1


def test_observers_see_each_call(pair: Pair) -> None:
    seen: list[Batch] = []
    ask(Joiner(pair, FakeClient(), [seen.append]), [[CLICK], [CLICK, CLICK | {"channel": None}]])
    (batch,) = seen
    assert batch.codec.row_json(batch.rows[2]) == CLICK | {"channel": None}
    assert batch.matrix.shape == (3, len(FEATURES))
    assert batch.matrix.dtype == np.float32
    assert np.isnan(batch.matrix[2, FEATURES.index("channel")])
    assert batch.values.shape == (3,)
    assert batch.apiserver_seconds > 0
    assert batch.model_seconds > 0


EVERY_TYPE = Deployment(
    "db",
    "d",
    tuple(Column(f"c {kind.value}", kind) for kind in ColumnType),
    tuple(map(Column.from_json, OUTPUT)),
)
VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    ColumnType.BOOL: st.booleans(),
    ColumnType.SMALLINT: st.integers(-(2**15), 2**15 - 1),
    ColumnType.INT: st.integers(-(2**31), 2**31 - 1),
    ColumnType.BIGINT: st.integers(-(2**63), 2**63 - 1),
    ColumnType.FLOAT: st.floats(-3e38, 3e38),
    ColumnType.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    ColumnType.STRING: st.text(st.characters(exclude_categories=["Cs"])),
    ColumnType.TIMESTAMP: st.integers(0, 2**50) | st.datetimes().map(str),
    ColumnType.DATE: st.dates().map(str),
}
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none(), max_size=1)


@st.composite
def request_rows(draw: st.DrawFn) -> dict[str, Any]:
    row = {f"c {kind.value}": draw(st.none() | values) for kind, values in VALUES.items()}
    if draw(st.booleans()):
        row[draw(st.sampled_from(sorted(row)))] = draw(ANYTHING)
    if draw(st.integers(0, 9)) == 0:
        del row[draw(st.sampled_from(sorted(row)))]
    if draw(st.integers(0, 9)) == 0:
        row["more"] = 1
    return row


@given(st.lists(request_rows(), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_the_compiled_reader_takes_only_what_the_general_one_takes_and_makes_the_same_of_it(
    rows: list[dict[str, Any]],
) -> None:
    model = cast("Any", type("M", (), {"features": FEATURES, "path": "m", "to_json": lambda self: {}}))()
    codec = Codec(Pair(EVERY_TYPE, model, {}))
    try:
        generally = schema.check_rows(rows, EVERY_TYPE.input)
    except ServingError:
        generally = None
    try:
        body = json.dumps(rows).encode()
        read, many = codec.rows(body)
    except Unreadable:
        return  # read in the general way
    assert many
    assert generally is not None, rows
    assert [codec.row_json(row) for row in read] == generally
    assert json.loads(codec.request(read))["input"] == json.loads(codec.request(codec.from_checked(generally)))["input"]


def test_the_compiled_reader_takes_usual_rows() -> None:
    model = cast("Any", type("M", (), {"features": FEATURES, "path": "m", "to_json": lambda self: {}}))()
    codec = Codec(Pair(DEPLOYMENT, model, {}))
    body = json.dumps(CLICK).encode()
    assert codec.row_json(codec.rows(body)[0][0]) == CLICK
    (row,), many = codec.rows(json.dumps([CLICK | {"click_time": "2017-11-06 17:21:28"}]).encode())
    assert many
    assert codec.row_json(row)["click_time"] == CLICK["click_time"]
