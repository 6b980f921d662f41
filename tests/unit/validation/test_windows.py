"""Whether an index keeps what a window needs, against the words of the TTL types, row by row."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow import FeatureView, OpenMLDB, Table, Workflow
from dsflow import types as t
from dsflow.openmldb.indexes import IndexNeed
from dsflow.openmldb.sdk import SdkMissing, find_sdk
from dsflow.openmldb.ttl import Ttl
from dsflow.validation import check
from dsflow.validation.model import KnownIndex
from dsflow.validation.rules.windows import covers

MINUTES = st.sampled_from([0, 1, 59, 60, 120, 1440, 2880])
ROWS = st.sampled_from([0, 1, 2, 10])
TYPES = st.sampled_from(["absolute", "latest", "absorlat", "absandlat"])
AGES = (0, 1, 2, 58, 59, 60, 61, 119, 120, 121, 1440, 1441, 2880, 2881, 10**6)
RANKS = (1, 2, 3, 9, 10, 11, 10**6)


def stays(kind: str, minutes: int, rows: int, age: int, rank: int) -> bool:
    """Whether a row of this age (in minutes), the rank-th newest of its key, is within a TTL; 0 is for ever, or all."""
    young = minutes == 0 or age <= minutes
    new = rows == 0 or rank <= rows
    return {"absolute": young, "latest": new, "absorlat": young and new, "absandlat": young or new}[kind]


def written(minutes: int, unit: str) -> str:
    return {"h": f"{minutes // 60}h", "d": f"{minutes // 1440}d"}.get(unit, f"{minutes}m")


@given(TYPES, MINUTES, ROWS, st.sampled_from("mhd"), TYPES, MINUTES, ROWS)
def test_covers(
    kind: str, minutes: int, rows: int, unit: str, needed: str, needed_minutes: int, needed_rows: int
) -> None:
    if minutes % {"m": 1, "h": 60, "d": 1440}[unit]:
        unit = "m"
    time = written(minutes, unit)
    ttl = {"absolute": (time,), "latest": (str(rows),)}.get(kind, (time, str(rows)))
    index = KnownIndex(("ip",), "ts", ttl, kind)
    need = IndexNeed(("ip",), "ts", Ttl(needed, needed_minutes, needed_rows))
    lost = [
        (age, rank)
        for age, rank in itertools.product(AGES, RANKS)
        if stays(needed, needed_minutes, needed_rows, age, rank) and not stays(kind, minutes, rows, age, rank)
    ]
    assert covers(index, need) == (not lost), lost[:3]


def test_an_index_without_a_ttl_keeps_everything() -> None:
    for kind in ("absolute", "latest", "absorlat", "absandlat"):
        for need in (IndexNeed(("ip",), "ts", Ttl()), IndexNeed(("ip",), "ts", Ttl("latest", latest=100))):
            assert covers(KnownIndex(("ip",), "ts", (), kind), need)


def test_the_ttl_of_an_index_that_is_added_later() -> None:
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
        index = "CREATE INDEX IF NOT EXISTS by_ip ON clicks (ip) OPTIONS (ts=ts, ttl=30m, ttl_type=absolute)"
        add = OpenMLDB("add", ["USE db", index], "online")
        sql = (
            "SELECT ip, count(ip) OVER w AS n FROM clicks"
            " WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"
        )
        view = FeatureView("view", source=clicks, sql=sql)
        clicks.create() >> add >> view.deploy()
    [found] = [f for f in check(wf).findings if f.code == "DSF108"]
    assert "keeps rows for 30m, feature view 'view' needs rows of the last 1 h" in found.message
    assert found.where is not None
    assert "CREATE INDEX" in found.excerpt or "OpenMLDB(" in found.excerpt


# ---- what a table is created with

WINDOW = "PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"
INDEX_RULES = {"DSF108", "DSF109", "DSF111", "DSF112"}


def found(derive: bool = True, table: str = "clicks", bias: str | None = "inf") -> dict[str, str]:
    """Message and hint of the rules about indexes, of a workflow that loads rows and deploys after that."""
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
        sql = f"SELECT ip, count(ip) OVER w AS n FROM {table} WINDOW w AS ({WINDOW})"
        deploy = FeatureView("view", source=clicks, sql=sql).deploy(range_bias=bias)
        clicks.create(derive_indexes=derive) >> clicks.load_online("/data/clicks.csv") >> deploy
    return {f.code: f"{f.message} {f.hint}" for f in check(wf).findings if f.code in INDEX_RULES}


def test_what_is_derived_is_there_before_the_rows() -> None:
    assert found() == {}
    assert found(table="db.clicks") == {}


def test_what_is_not_derived_is_built_late() -> None:
    late = found(derive=False)
    assert late.keys() == {"DSF111"}
    assert 'indexes=[Index("ip", ts="ts")]' in late["DSF111"]
    assert found(derive=False, table="db.clicks") == late


def test_history_expires_in_a_derived_index_too() -> None:
    assert found(bias=None).keys() == {"DSF109"}


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (
            [],
            "makes table 'clicks' without it, but feature view 'view' needs an index on ip by ts that keeps rows of",
        ),
        (
            [IndexNeed(("ip",), "ts", Ttl("absolute", 59))],
            "makes an index of table 'clicks' on ip by ts that keeps rows for 59m, but feature view 'view' needs an",
        ),
        (
            [IndexNeed(("ip",), "ts"), IndexNeed(("ip",), None)],
            "makes an index of table 'clicks' on ip that keeps every row, which OpenMLDB's compiler does not ask for",
        ),
    ],
)
def test_derived_otherwise(monkeypatch: pytest.MonkeyPatch, needs: list[IndexNeed], message: str) -> None:
    from dsflow.declare import deployed

    monkeypatch.setattr(deployed, "needed_indexes", lambda *_: {("db", "clicks"): needs})
    deployed._session_needs.cache_clear()
    try:
        told = found(bias=None)
    finally:
        deployed._session_needs.cache_clear()
    assert message in told["DSF112"]
    assert "DSF108" not in told
