"""What is said of the mistakes in queries that people make, and at which word."""

from __future__ import annotations

import pytest

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t
from dsflow.openmldb.sdk import SdkMissing, find_sdk
from dsflow.validation import check

W = " WINDOW w AS (PARTITION BY c ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
CASES = [
    ("SELECT cont(c) OVER w AS x FROM t" + W, "cont(c)", "did you mean 'count'?"),
    ("SELECT zzz(c) AS x FROM t", "zzz(c)", "there is no such function"),
    ("SELECT hour(s) AS x FROM t", "hour(s)", "hour does not take arguments of these types"),
    ("SELECT coalesce(c, 1) AS x FROM t", "coalesce(c", "ifnull"),
    ("SELECT sum(s) OVER w AS x FROM t" + W, "sum(s)", "does not take a column of this type"),
    ("SELECT c + s AS x FROM t", "c + s", "cast one side"),
    ("SELECT c, count(c) OVER v AS n FROM t" + W, "v AS n", "define it: WINDOW"),
    ("SELECT max(c) OVER (ORDER BY ts) AS x FROM t", "(ORDER BY ts)", "give the window a frame"),
    ("SELECT count(c) OVER w AS n FROM t" + W.replace("ts", "s"), "s ROWS", "ordered by a timestamp"),
    ("SELECT ts FROM t LAST JOIN u ORDER BY u.ts ON t.c = u.d", "ts FROM", "write TABLE.ts"),
    ("SELECT c FROM t JOIN u ON t.c = u.d", "JOIN u", "LAST JOIN"),
    ("SELECT c FROM t WHERE s IS NULL", "s IS NULL", "isnull"),
    ("SELECT c IN (SELECT d FROM u) AS x FROM t", "c IN", "LAST JOIN that table"),
    ("SELECT c, dd FROM t LAST JOIN u ORDER BY u.ts ON t.c = u.d", "dd FROM", "did you mean 'd'?"),
    ("SELECT c FROM t ORDER BY c", "c", "leave ORDER BY out"),
]


@pytest.mark.parametrize(("sql", "word", "hint"), CASES, ids=[case[2] for case in CASES])
def test_hint_and_place(sql: str, word: str, hint: str) -> None:
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    with Workflow("w", project="p") as wf:
        table = Table("t", database="db", c=t.Int, s=t.String, ts=t.Timestamp)
        other = Table("u", database="db", d=t.Int, ts=t.Timestamp)
        view = FeatureView("view", source=table, sql=sql)
        other.create() >> table.create() >> view.deploy(range_bias="inf")
    [found] = [f for f in check(wf).findings if f.code in ("DSF101", "DSF102", "DSF103")]
    assert hint in found.hint
    line, caret = found.excerpt.splitlines()[-2:]
    assert line[caret.index("^") :].startswith(word)
