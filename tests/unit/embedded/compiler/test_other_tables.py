"""Windows over the rows of other tables, as pipelines write them, with the answers of OpenMLDB's offline engine.

Request mode gives the same when each row of the main table is a request.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from .conftest import Database

VISITS = (
    "id bigint, uid string, shop string, vt timestamp, amt double, kind string",
    [
        (1, "u1", "s1", 1660000000000, 10.5, "web"),
        (2, "u1", "s2", 1660172800000, 20.0, "app"),
        (3, "u2", "s1", 1660172800001, None, "web"),
        (4, "u1", "s1", 1660777600000, 5.25, "app"),
        (5, "u2", None, 1660777600000, 7.0, None),
        (6, None, "s2", 1660864000000, 8.0, "web"),
        (7, "u1", "s1", 1661036800000, 100.0, "web"),
        (8, "u3", "s9", 1661036800000, 1.0, ""),
    ],
)
SALES = (
    "sid bigint, shop string, card string, st timestamp, amt double, stype string",
    [
        (1, "s1", "c1", 1659568000000, 3.0, "a"),
        (2, "s1", "c2", 1659999999999, 4.0, "b"),
        (3, "s1", "c1", 1660000000000, 5.0, "a"),
        (4, "s2", "c3", 1660086400000, 6.0, ""),
        (5, "s2", "c3", 1660172800000, None, None),
        (6, "s1", "c1", 1660691200000, 7.5, "a"),
        (7, None, "c9", 1660691200000, 9.0, "b"),
        (8, "s1", "c1", 1660950400000, 0.5, "c"),
    ],
)
SHOPS = (
    "shop string, region string, opened date, upd timestamp, rank int",
    [
        ("s1", "north", dt.date(2020, 1, 31), 1657408000000, 1),
        ("s1", "south", dt.date(2021, 2, 28), 1660432000000, 2),
        ("s2", "east", dt.date(2019, 12, 31), 1659913600000, None),
        (None, "nowhere", dt.date(2000, 1, 1), 1660000000000, 9),
    ],
)
QUERIES = {
    "union default": (
        """SELECT vid, sum(amt) OVER w AS s30, count(amt) OVER w AS c30, max(amt) OVER w AS m30
FROM (SELECT id AS vid, shop, vt AS st, 0.0 AS amt, "" AS stype FROM visits) AS v
WINDOW w AS (
UNION (SELECT 0L AS vid, shop, st, amt, stype FROM sales) AS s
PARTITION BY shop ORDER BY st
ROWS_RANGE BETWEEN 30d PRECEDING AND 1 PRECEDING INSTANCE_NOT_IN_WINDOW)""",
        [
            (1, 7.0, 2, 4.0),
            (2, 6.0, 1, 6.0),
            (3, 12.0, 3, 5.0),
            (4, 19.5, 4, 7.5),
            (5, 9.0, 1, 9.0),
            (6, 6.0, 1, 6.0),
            (7, 20.0, 5, 7.5),
            (8, None, 0, None),
        ],
    ),
    "union trailing comma": (
        """SELECT vid, sum(amt) OVER w AS s30, count(amt) OVER w AS c30, max(amt) OVER w AS m30,
FROM (SELECT id AS vid, shop, vt AS st, 0.0 AS amt, "" AS stype FROM visits) AS v
WINDOW w AS (
UNION (SELECT 0L AS vid, shop, st, amt, stype FROM sales) AS s
PARTITION BY shop ORDER BY st
ROWS_RANGE BETWEEN 30d PRECEDING AND 1 PRECEDING INSTANCE_NOT_IN_WINDOW)""",
        [
            (1, 7.0, 2, 4.0),
            (2, 6.0, 1, 6.0),
            (3, 12.0, 3, 5.0),
            (4, 19.5, 4, 7.5),
            (5, 9.0, 1, 9.0),
            (6, 6.0, 1, 6.0),
            (7, 20.0, 5, 7.5),
            (8, None, 0, None),
        ],
    ),
    "cate union": (
        """SELECT uid, count(stype) OVER w1 AS n, count_cate(stype, card) OVER w1 AS per
FROM (SELECT uid, shop, "" AS card, "" AS stype, vt AS st FROM visits) AS t1
WINDOW w1 AS (
UNION (SELECT "" AS uid, shop, card, stype, st FROM sales) AS t2
PARTITION BY shop ORDER BY st
ROWS_RANGE BETWEEN 7d PRECEDING AND 1 PRECEDING INSTANCE_NOT_IN_WINDOW)""",
        [
            ("u1", 1, "c1:1"),
            ("u1", 1, "c3:1"),
            ("u1", 2, "c1:1,c2:1"),
            ("u1", 2, "c1:2"),
            ("u2", 1, "c9:1"),
            ("u2", 2, "c1:1,c2:1"),
            ("u3", 0, ""),
            (None, 0, ""),
        ],
    ),
    "two unions": (
        """SELECT id, sum(amt) OVER w1 AS a1, sum(amt) OVER w2 AS a2 FROM (SELECT id, shop, vt, amt FROM visits) AS a
WINDOW w1 AS (
UNION (SELECT sid AS id, shop, st AS vt, amt FROM sales) AS b
PARTITION BY shop ORDER BY vt
ROWS_RANGE BETWEEN 20d PRECEDING AND CURRENT ROW MAXSIZE 3),
w2 AS (
UNION (SELECT sid AS id, shop, st AS vt, amt FROM sales) AS b2,
(SELECT bigint(rank) AS id, shop, upd AS vt, double(rank) AS amt FROM shops) AS c
PARTITION BY shop ORDER BY vt
ROWS_RANGE BETWEEN 40d PRECEDING AND CURRENT ROW MAXSIZE 5)""",
        [
            (1, 19.5, 23.5),
            (2, 26.0, 26.0),
            (3, 15.5, 22.5),
            (4, 12.75, 25.25),
            (5, 16.0, 25.0),
            (6, 28.0, 34.0),
            (7, 105.75, 115.25),
            (8, 1.0, 1.0),
        ],
    ),
    "excl current": (
        """SELECT id, shop, sum(amt) OVER w1 AS s
FROM (SELECT id, shop, vt, amt FROM visits) AS a WINDOW w1 AS (
UNION (SELECT sid AS id, shop, st AS vt, amt FROM sales) AS b
PARTITION BY shop ORDER BY vt
ROWS_RANGE BETWEEN 10d PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW INSTANCE_NOT_IN_WINDOW)""",
        [
            (1, "s1", 12.0),
            (2, "s2", 6.0),
            (3, "s1", 12.0),
            (4, "s1", 16.5),
            (5, None, 9.0),
            (6, "s2", 6.0),
            (7, "s1", 8.0),
            (8, "s9", None),
        ],
    ),
    "lag union": (
        """SELECT id, count(amt) OVER w AS c, max(amt) OVER w AS m, lag(amt, 1) OVER w AS l1,
first_value(amt) OVER w AS f
FROM (SELECT id, shop, vt, amt FROM visits) AS a
WINDOW w AS (
UNION (SELECT sid AS id, shop, st AS vt, amt FROM sales) AS b
PARTITION BY shop ORDER BY vt
ROWS_RANGE BETWEEN 10d PRECEDING AND 1s PRECEDING)""",
        [
            (1, 1, 3.0, 5.0, 3.0),
            (2, 1, 6.0, None, 6.0),
            (3, 4, 10.5, 10.5, 3.0),
            (4, 4, 10.5, 7.5, 4.0),
            (5, 1, 9.0, 9.0, 9.0),
            (6, 2, 20.0, 20.0, 6.0),
            (7, 3, 7.5, 0.5, None),
            (8, 0, None, None, None),
        ],
    ),
}


@pytest.mark.parametrize("name", list(QUERIES))
def test_a_window_over_other_tables(database: Database, name: str) -> None:
    query, wanted = QUERIES[name]
    for table, (columns, rows) in {"visits": VISITS, "sales": SALES, "shops": SHOPS}.items():
        database.create(table, columns, rows)
    assert database.batch(query) == sorted(wanted, key=repr)
    database.create("visits", VISITS[0])
    online: list[Any] = database.request(query, sorted(VISITS[1], key=lambda row: (row[3], row[0])))
    assert sorted(online, key=repr) == sorted(wanted, key=repr)
