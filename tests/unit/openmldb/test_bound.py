"""A query, resolved: what its columns are, what it reads, what it looks up."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlglot")

from sqlglot import parse_one

from dsflow.errors import DeclarationError
from dsflow.openmldb.bound import BoundQuery, Union, bind
from dsflow.openmldb.dialect import OpenMLDB
from dsflow.openmldb.query import output_names
from dsflow.openmldb.types import ColumnType

TABLES = {
    ("db", "t"): {"k": ColumnType.STRING, "ts": ColumnType.TIMESTAMP, "v": ColumnType.INT},
    ("db", "u"): {"k": ColumnType.STRING, "ts": ColumnType.TIMESTAMP, "v": ColumnType.INT},
    ("db", "r"): {"id": ColumnType.STRING, "seen": ColumnType.TIMESTAMP, "x": ColumnType.DOUBLE},
}
FRAME = "ROWS_RANGE BETWEEN 1h PRECEDING AND 5s OPEN PRECEDING"


def bound(sql: str, db: str = "db") -> BoundQuery:
    return bind(parse_one(sql, read=OpenMLDB), db, TABLES)


def columns(sql: str) -> dict[str, tuple[str, ColumnType | None]]:
    """Each column's stored column and type; '' for one that is computed."""
    return {c.name: (next(iter(c.origins.values()), ""), c.type) for c in bound(sql).columns}


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT k AS a, v + 1 AS b FROM t", {"a": ("k", ColumnType.STRING), "b": ("", None)}),
        ("SELECT bigint(v) AS a FROM t", {"a": ("", ColumnType.BIGINT)}),
        ("SELECT * FROM r", {name: (name, kind) for name, kind in TABLES["db", "r"].items()}),
        ("SELECT s.a FROM (SELECT k AS a FROM t) AS s", {"a": ("k", ColumnType.STRING)}),
        ("WITH q AS (SELECT v AS a FROM t) SELECT q.* FROM q", {"a": ("v", ColumnType.INT)}),
        (
            "SELECT t.k, x FROM t LAST JOIN r ON t.k = r.id",
            {"k": ("k", ColumnType.STRING), "x": ("", ColumnType.DOUBLE)},
        ),
        # the table's own name finds its columns below an alias, under what they were called there
        ("SELECT t.k FROM (SELECT k AS a FROM t) AS s", {"k": ("k", ColumnType.STRING)}),
        ("SELECT gone FROM t", {"gone": ("", None)}),
    ],
)
def test_columns(sql: str, wanted: dict[str, tuple[str, ColumnType | None]]) -> None:
    assert columns(sql) == wanted


def test_a_union_is_both_of_its_sides() -> None:
    query = bound("SELECT k FROM t UNION ALL SELECT k FROM u")
    assert isinstance(query.root, Union)
    assert [scan.table[1] for scan in query.columns[0].origins] == ["t", "u"]


def test_windows_and_what_they_look_up() -> None:
    select = bound(
        f"SELECT count(v) OVER w AS n FROM t WINDOW w AS (UNION u PARTITION BY k ORDER BY ts {FRAME})"
    ).selects[0]
    (window,) = select.windows
    assert window.name == "w"
    assert [(lookup.scan.table[1], lookup.keys, lookup.ts) for lookup in window.lookups] == [
        ("t", ("k",), "ts"),
        ("u", ("k",), "ts"),
    ]
    assert window.frame is not None
    assert window.frame.end is not None
    assert (window.frame.start.back, window.frame.end.offset, window.frame.end.before_row) == (3_600_000, 5000, True)
    assert [(use.function, use.whole) for use in window.uses] == [("count", True)]


def test_a_join_in_parts() -> None:
    (join,) = bound("SELECT t.k FROM t LAST JOIN r ORDER BY seen ON t.k = r.id AND 'a' = r.id AND r.x > t.v").joins
    assert [(a.sql(), b.sql()) for a, b in join.pairs] == [("t.k", "r.id"), ("'a'", "r.id")]
    assert [part.sql() for part in join.others] == ["r.x > t.v"]
    assert (join.lookups[0].keys, join.lookups[0].ts, join.lookups[0].filtered) == (("id", "id"), "seen", True)


def test_places() -> None:
    inner = "(SELECT id, seen FROM r) AS s"
    query = bound(f"SELECT t.k FROM t LAST JOIN {inner} ORDER BY s.seen ON t.k = s.id")
    assert [(select.below, select.source and select.source.scan) for select in query.selects] == [
        (False, query.scans[0]),
        (True, query.scans[1]),
    ]
    assert query.request is query.scans[0]


def test_what_is_not_known_is_not_there() -> None:
    query = bound("SELECT a, count(b) OVER nowhere AS n FROM elsewhere")
    assert [scan.known for scan in query.scans] == [False]
    assert query.selects[0].windows == ()
    assert bind(parse_one("USE db", read=OpenMLDB), "db", TABLES).root is None


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM elsewhere", "not known here"),
        ("SELECT t.*, e.* FROM t LAST JOIN elsewhere AS e ON t.k = e.k", "not known here"),
        ("SELECT v + 1 FROM t", "has no name"),
    ],
)
def test_names_that_are_not_known(sql: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        output_names(bound(sql))
    assert output_names(bound("SELECT *, v + 1 AS w FROM (SELECT v FROM t) AS s")) == ("v", "w")
