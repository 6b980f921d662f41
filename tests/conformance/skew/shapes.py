"""Shapes of queries that OpenMLDB's offline engine and its request mode may answer differently.

Each has the smallest rows that show it. The rows of ``t`` are asked one after another, each stored after it was asked;
offline they are all there. `record` asks both engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Row = list[Any]
Undefined = Literal["", "offline", "request", "both"]

T = "id int, k string, k2 string, g int, ts timestamp, v int, l bigint, d double, s string, dt date"
R = "rid int, rk string, rk2 string, rg int, rts timestamp, rv int, rs string"
COLUMNS = {"t": T, "u": T, "r": R}
SECOND = 1_000_000
"""A time, in milliseconds."""


@dataclass(frozen=True)
class Shape:
    """One shape.

    Attributes:
        name: of the shape.
        says: what the two engines do, for the table in docs/skew.md; "" for one that both answer alike.
        rule: the code of the rule that finds it; "" where only the rows tell.
        sql: the query.
        requests: the rows of ``t``.
        r, u: the rows of these tables.
        instead: a query for the same that both engines answer alike; "" where there is none.
        undefined: whose answer may be another one the next time.
    """

    name: str
    says: str
    rule: str
    sql: str
    requests: list[Row]
    r: list[Row] | None = None
    u: list[Row] | None = None
    instead: str = ""
    undefined: Undefined = ""

    @property
    def tables(self) -> list[dict[str, Any]]:
        """The tables as they are before the first request."""
        rows = {"t": [], "r": self.r, "u": self.u}
        return [
            {"name": name, "columns": [c.split(" ") for c in COLUMNS[name].split(", ")], "rows": given}
            for name, given in rows.items()
            if given is not None
        ]


def t(id_: int, ts: int, **other: Any) -> Row:
    """A row of ``t`` or ``u``."""
    row = {"k": "a", "k2": "x", "g": 1, "v": id_ * 10, "l": 1, "d": 1.0, "s": "5", "dt": "2020-05-31"} | other
    return [id_, row["k"], row["k2"], row["g"], ts, row["v"], row["l"], row["d"], row["s"], row["dt"]]


def r(rid: int, rts: int, **other: Any) -> Row:
    """A row of ``r``."""
    row = {"rk": "a", "rk2": "x", "rg": 1, "rv": rid, "rs": "q"} | other
    return [rid, row["rk"], row["rk2"], row["rg"], rts, row["rv"], row["rs"]]


SIX = [r(100 + i, SECOND + 1000 * i, rv=i + 1) for i in range(6)]
ONE = [t(1, 9 * SECOND)]
MANY = [t(i, SECOND + 1000 * (i // 4), k="ab"[i % 2], k2="xyz"[i * 2 % 3], g=i * 5 % 4) for i in range(12)]


def below(frame: str, aggregates: str = "count(rv) OVER w AS c, sum(rv) OVER w AS s") -> str:
    """A LAST JOIN of a subquery with a window."""
    return (
        "SELECT t.id, r.* FROM t LAST JOIN"
        f" (SELECT rid, rk, rts, {aggregates} FROM r WINDOW w AS (PARTITION BY rk ORDER BY rts {frame})) AS r"
        " ORDER BY r.rts ON t.k = r.rk"
    )


def over(frame: str, aggregates: str = "count(v) OVER w AS c, sum(v) OVER w AS s", order: str = "ts") -> str:
    """A window over ``t``."""
    return f"SELECT id, {aggregates} FROM t WINDOW w AS (PARTITION BY k ORDER BY {order} {frame})"


def last_join(on: str, source: str = "r", order: str = "ORDER BY r.rts ", item: str = "r.rid") -> str:
    """A LAST JOIN."""
    return f"SELECT t.id, {item} FROM t LAST JOIN {source} {order}ON {on}"


def united(frame: str, unit: str = "ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING") -> str:
    """A window over the UNION of ``t`` and a subquery with a window."""
    return (
        "SELECT id, count(v) OVER w AS c, sum(v) OVER w AS s FROM t WINDOW w AS (UNION"
        " (SELECT id, k, k2, g, ts, int(sum(v) OVER own) AS v, l, d, s, dt FROM u"
        f" WINDOW own AS (PARTITION BY k ORDER BY ts {unit})) PARTITION BY k ORDER BY ts {frame})"
    )


def three(frame: str) -> str:
    """Three windows with other keys."""
    keys = {"w": "k", "w2": "k2", "w3": "g"}
    sums = ", ".join(f"sum(v) OVER {name} AS {name}_sum" for name in keys)
    windows = ", ".join(f"{name} AS (PARTITION BY {key} ORDER BY ts {frame})" for name, key in keys.items())
    return f"SELECT id, {sums} FROM t WINDOW {windows}"


def casts(*items: str) -> str:
    """Casts of bare columns and nothing else."""
    return f"SELECT id, {', '.join(f'{item} AS c{i}' for i, item in enumerate(items))} FROM t"


def beside(sql: str) -> str:
    """The same casts beside a computed column."""
    return sql.replace(" FROM t", ", v + 0 AS v FROM t")


ENDS = "ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING"
ROWS_END = "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING"
NINE = "ROWS BETWEEN 9 PRECEDING AND CURRENT ROW"
RECENT = "ROWS_RANGE BETWEEN 3s PRECEDING AND CURRENT ROW"
WHOLE, REAL, TIMES, DATES = (
    casts("smallint(s)", "int(s)", "bigint(s)"),
    casts("float(s)", "double(s)"),
    casts("timestamp(s)"),
    casts("date(s)"),
)
DOUBLES, INSTANTS = casts("string(d)", "smallint(d)", "int(d)", "bigint(d)"), casts("string(ts)", "bigint(ts)")
UPPER = "SELECT id, v / 0 AS x, lcase(s) AS b, reverse(s) AS c, ucase(s) AS e, v + 1 AS z FROM t"
MONTHS = "SELECT id, k, k2, g, ts, v, l, d, s, dt, add_months(dt, -5) AS a, add_months(dt, g) AS b FROM t"
ALL = "SELECT id, k, k2, g, ts, v, l, d, s, dt FROM u"

SHAPES = (
    # ---- below a join or UNION
    Shape(
        "end before the row",
        "The end of a ROWS_RANGE frame below a join is taken away twice in request mode.",
        "DSF150",
        below(ENDS),
        ONE,
        SIX,
        instead=below(ROWS_END),
    ),
    Shape(
        "open end",
        "So is an open end.",
        "DSF150",
        below("ROWS_RANGE BETWEEN 3s PRECEDING AND 0s OPEN PRECEDING"),
        ONE,
        SIX,
        instead=below(RECENT + " EXCLUDE CURRENT_ROW"),
    ),
    Shape(
        "end before the row below UNION",
        "So it is in a subquery that a window's UNION reads.",
        "DSF150",
        united(NINE),
        ONE,
        u=[t(11 + i, SECOND + 1000 * i, v=i + 1) for i in range(6)],
        instead=united(NINE, ROWS_END),
    ),
    Shape(
        "no rows below",
        "Where such a frame reaches no row, a count is NULL in request mode, 0 offline.",
        "DSF150",
        below(ENDS),
        ONE,
        SIX[:1],
        instead=below(ROWS_END),
    ),
    Shape(
        "no texts below",
        "So is what else gives a text or 0 for no rows.",
        "DSF150",
        below(ENDS, "topn_frequency(rs, 2) OVER w AS f, distinct_count(rs) OVER w AS n"),
        ONE,
        SIX[:1],
        instead=below(ROWS_END, "topn_frequency(rs, 2) OVER w AS f, distinct_count(rs) OVER w AS n"),
    ),
    Shape(
        "EXCLUDE CURRENT_TIME below",
        "EXCLUDE CURRENT_TIME below a join leaves out the row itself in request mode.",
        "DSF151",
        below("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"),
        ONE,
        SIX,
        instead=below("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW"),
    ),
    Shape(
        "EXCLUDE CURRENT_TIME of one row below",
        "With no other row, a count is NULL there and 1 offline.",
        "DSF151",
        below("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"),
        ONE,
        SIX[:1],
        instead=below("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW"),
    ),
    # ---- joins
    Shape(
        "NULL keys",
        "A NULL key of a join meets rows with a NULL key in request mode, none offline.",
        "DSF131",
        last_join("t.k = r.rk"),
        [t(1, 9 * SECOND, k=None), t(2, 9 * SECOND)],
        [r(100, SECOND, rk=None), r(101, SECOND)],
        instead=last_join("t.k = r.rk", "(SELECT * FROM r WHERE NOT isnull(rk)) AS r"),
    ),
    Shape(
        "LAST JOIN without ORDER BY",
        "Request mode takes the row stored last, offline any.",
        "DSF130",
        below(NINE).replace("ORDER BY r.rts ON", "ON"),
        ONE,
        [r(101, SECOND + 2000), r(103, SECOND + 1000)],
        instead=below(NINE),
        undefined="offline",
    ),
    Shape(
        "equal times in LAST JOIN",
        "Of rows with the same time request mode takes the one stored last, offline any.",
        "",
        last_join("t.k = r.rk"),
        ONE,
        [r(100, SECOND), r(101, SECOND), r(102, SECOND)],
        instead=last_join("t.k = r.rk", order="ORDER BY r.rid "),
        undefined="offline",
    ),
    Shape(
        "| in keys of a join",
        "The texts of a key are joined with | in request mode.",
        "DSF152",
        last_join("t.k = r.rk AND t.k2 = r.rk2"),
        [t(1, 9 * SECOND, k="a|b", k2="c"), t(2, 9 * SECOND, k2="b|c")],
        [r(100, SECOND, rk2="b|c")],
        instead=last_join("t.k = r.rk AND t.k2 <= r.rk2 AND t.k2 >= r.rk2"),
    ),
    Shape(
        "| in keys of a window",
        "So are those of PARTITION BY.",
        "DSF152",
        "SELECT id, count(v) OVER w AS c FROM t WINDOW w AS (PARTITION BY k, k2 ORDER BY ts " + NINE + ")",
        [t(1, SECOND, k="a|b", k2="c"), t(2, SECOND + 1, k2="b|c")],
    ),
    Shape(
        "two conditions on a column",
        "Of two conditions on one column request mode looks at the last only.",
        "DSF153",
        last_join("t.k = r.rk AND r.rk = 'b'"),
        ONE,
        [r(100, SECOND), r(102, SECOND + 2, rk="b")],
        instead=last_join("t.k = r.rk", "(SELECT * FROM r WHERE rk IN ('b')) AS r"),
    ),
    # ---- windows
    Shape(
        "FOLLOWING in ROWS_RANGE",
        "FOLLOWING is taken, and the frame ends at its row, in both.",
        "DSF155",
        over("ROWS_RANGE BETWEEN 1s PRECEDING AND 1s FOLLOWING"),
        [t(i, SECOND + 1000 * i) for i in range(4)],
        instead=over("ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW"),
    ),
    Shape(
        "FOLLOWING in ROWS",
        "So in frames of rows.",
        "DSF155",
        over("ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"),
        [t(i, SECOND + 1000 * i) for i in range(4)],
        instead=over("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"),
    ),
    Shape(
        "ORDER BY ... DESC",
        "The offline job fails, request mode takes the oldest rows.",
        "DSF156",
        over("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", order="ts DESC"),
        [t(i, SECOND + 1000 * i) for i in range(4)],
        instead=over("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"),
    ),
    Shape(
        "equal times in several windows",
        "With several windows, offline takes rows of the same time in any order.",
        "DSF157",
        three("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"),
        MANY,
        instead=three("ROWS_RANGE BETWEEN 2s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME"),
        undefined="offline",
    ),
    Shape(
        "equal times beside a join",
        "So it does where a join stands before the window.",
        "DSF157",
        "SELECT t.id, sum(t.v) OVER w AS s, r.rid FROM t LAST JOIN r ORDER BY r.rts ON t.k2 = r.rk2 WINDOW w AS"
        " (PARTITION BY t.g ORDER BY t.ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
        [t(i, SECOND, k2="xyz"[i * 2 % 3]) for i in range(6)],
        [r(100, SECOND), r(101, SECOND, rk2="y")],
        instead="SELECT t.id, sum(t.v) OVER w AS s, r.rid FROM t LAST JOIN r ORDER BY r.rts ON t.k2 = r.rk2 WINDOW w AS"
        " (PARTITION BY t.g ORDER BY t.ts ROWS_RANGE BETWEEN 2s PRECEDING AND CURRENT ROW EXCLUDE CURRENT_TIME)",
        undefined="offline",
    ),
    Shape(
        "order below 0",
        "Offline drops a row whose order value is below 0, request mode answers it.",
        "DSF158",
        over("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", order="l"),
        [t(1, SECOND, l=-5), t(2, SECOND + 1, l=1)],
        instead=over("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"),
        undefined="request",
    ),
    # ---- values
    Shape(
        "text to whole number",
        "A cast of a bare column is Spark's offline: '1.9' is 1, '0x10' NULL.",
        "DSF132",
        WHOLE,
        [t(i, SECOND, s=s) for i, s in enumerate(["1.9", "0x10", " 7 ", ".5", "-1", "abc", ""])],
        instead=beside(WHOLE),
    ),
    Shape(
        "text to float",
        "'0x10' is NULL, blanks are passed over.",
        "DSF132",
        REAL,
        [t(i, SECOND, s=s) for i, s in enumerate(["1.9", "0x10", " 7 ", "1e3", "inf", "abc"])],
        instead=beside(REAL),
    ),
    Shape(
        "text to timestamp",
        "It is in the zone of the Java process offline (here UTC), at UTC+8 in request mode.",
        "DSF132",
        TIMES,
        [t(1, SECOND, s="2020-01-02 03:04:05")],
        instead=beside(TIMES),
        undefined="offline",
    ),
    Shape(
        "text to date",
        "A text that is no date fails the offline job.",
        "DSF132",
        DATES,
        [t(1, SECOND, s="2020-01-02"), t(2, SECOND, s="2020-01-02 03:04:05")],
        instead=beside(DATES),
    ),
    Shape(
        "float to text or whole number",
        "1e10 is '1.0E10'; what does not fit is the greatest number, NaN is 0.",
        "DSF132",
        DOUBLES,
        [t(i, SECOND, d=d) for i, d in enumerate([1e10, 1e-5, "NaN", "Infinity", 1e19, 1.5, 123456789.0])],
        instead=beside(DOUBLES),
    ),
    Shape(
        "timestamp to text or number",
        "Text has milliseconds, a number has none.",
        "DSF132",
        INSTANTS,
        [t(1, 1_599_999_999_999), t(2, 1_600_000_000_000)],
        instead=beside(INSTANTS),
    ),
    Shape(
        "date to timestamp",
        "Summer times in Shanghai and its time before 1901 count.",
        "DSF132",
        casts("timestamp(dt)"),
        [t(1, SECOND, dt="1986-06-01"), t(2, SECOND, dt="1900-01-01"), t(3, SECOND)],
        instead=beside(casts("timestamp(dt)")),
    ),
    Shape(
        "cast below",
        "So it is in a subquery of nothing but columns.",
        "DSF132",
        last_join("t.k = r.rk", "(SELECT rk, rts, int(rs) AS n FROM r) AS r", item="r.n"),
        ONE,
        [r(100, SECOND, rs="1.9")],
        instead=last_join("t.k = r.rk", item="int(r.rs) AS n, t.v + 0 AS v"),
    ),
    Shape(
        "add_months",
        "add_months() leaves open whether its result is NULL.",
        "DSF154",
        MONTHS,
        [t(1, SECOND, s=""), t(2, SECOND), t(3, SECOND)],
        instead="SELECT id, k, s, dt, year(dt) * 12 + month(dt) - 5 AS a, year(dt) * 12 + month(dt) + g AS b FROM t",
        undefined="both",
    ),
    Shape(
        "case of an empty text",
        "lcase(), ucase() and reverse() of '' do too.",
        "DSF154",
        UPPER,
        [t(1, SECOND, s=""), t(2, SECOND, s="Ab")],
        instead="SELECT id, v / 0 AS x, CASE WHEN s = '' THEN '' ELSE lcase(s) END AS b,"
        " CASE WHEN s = '' THEN '' ELSE reverse(s) END AS c, CASE WHEN s = '' THEN '' ELSE ucase(s) END AS e,"
        " v + 1 AS z FROM t",
        undefined="both",
    ),
    Shape(
        "date out of range",
        "A time after the year 9999 is the date 1900-01-00 in request mode.",
        "DSF159",
        "SELECT id, date(timestamp(l)) AS c FROM t",
        [t(1, SECOND, l=1_600_000_000_000), t(2, SECOND, l=1_600_000_000_000_000)],
        instead="SELECT id, CASE WHEN l < 253402300800000 THEN date(timestamp(l)) END AS c FROM t",
    ),
    # ---- what can not be deployed
    Shape(
        "constant in WHERE below LAST JOIN",
        "column = constant below a LAST JOIN with ORDER BY does not deploy.",
        "DSF160",
        last_join("t.k = r.rk", "(SELECT * FROM r WHERE rv = 1) AS r"),
        ONE,
        SIX,
        instead=last_join("t.k = r.rk", "(SELECT * FROM r WHERE rv IN (1)) AS r"),
    ),
    Shape(
        "constant in WHERE below UNION",
        "Nor does it below a window's UNION.",
        "DSF160",
        f"SELECT id, count(v) OVER w AS c FROM t WINDOW w AS (UNION ({ALL} WHERE v = 5) PARTITION BY k"
        f" ORDER BY ts {NINE})",
        ONE,
        u=[t(11, SECOND, v=5), t(12, SECOND, v=6)],
        instead=f"SELECT id, count(v) OVER w AS c FROM t WINDOW w AS (UNION ({ALL} WHERE v IN (5)) PARTITION BY k"
        f" ORDER BY ts {NINE})",
    ),
    Shape(
        "constant in WHERE beside a window",
        "Nor beside a window.",
        "DSF160",
        "SELECT t.id, r.rid, count(t.v) OVER w AS c FROM t LAST JOIN (SELECT * FROM r WHERE rv = 1) AS r ON t.k = r.rk"
        f" WINDOW w AS (PARTITION BY t.k ORDER BY t.ts {RECENT})",
        ONE,
        SIX,
        instead="SELECT t.id, r.rid, count(t.v) OVER w AS c FROM t LAST JOIN r ON t.k = r.rk AND r.rv = 1"
        f" WINDOW w AS (PARTITION BY t.k ORDER BY t.ts {RECENT})",
    ),
    Shape(
        "LEFT JOIN",
        "LEFT JOIN beside a plain column does not deploy.",
        "DSF161",
        "SELECT t.id, r.rid FROM t LEFT JOIN r ON t.k = r.rk",
        ONE,
        SIX,
        instead=last_join("t.k = r.rk"),
    ),
    Shape(
        "LEFT JOIN with a window",
        "Beside aggregates only it does, and gives one row, offline one for each match.",
        "DSF161",
        "SELECT count(r.rid) OVER w AS c FROM t LEFT JOIN r ON t.k = r.rk WINDOW w AS"
        f" (PARTITION BY t.k ORDER BY t.ts {RECENT})",
        ONE,
        SIX,
        instead="SELECT count(r.rid) OVER w AS c FROM t LAST JOIN r ORDER BY r.rts ON t.k = r.rk WINDOW w AS"
        f" (PARTITION BY t.k ORDER BY t.ts {RECENT})",
    ),
    Shape(
        "computed below LAST JOIN",
        "A subquery that computes, without a window, does not deploy below a join.",
        "DSF162",
        last_join("t.k = r.rk", "(SELECT rk, rts, rv + 1 AS n FROM r) AS r", item="r.n"),
        ONE,
        SIX,
        instead=last_join("t.k = r.rk", item="r.rv + 1 AS n"),
    ),
    Shape(
        "computed below UNION",
        "Nor below a window's UNION.",
        "DSF162",
        "SELECT id, sum(v) OVER w AS c FROM t WINDOW w AS"
        " (UNION (SELECT id, k, k2, g, ts, v + 1 AS v, l, d, s, dt FROM u)"
        f" PARTITION BY k ORDER BY ts {NINE})",
        ONE,
        u=[t(11, SECOND, v=5)],
        instead="SELECT id, sum(v) OVER w AS c FROM t WINDOW w AS (UNION u PARTITION BY k ORDER BY ts " + NINE + ")",
    ),
    # ---- looked at, and alike
    Shape("end before the row of a request", "", "", over(ENDS), [t(i, SECOND + 1000 * i) for i in range(6)]),
    Shape(
        "end before the row in FROM",
        "",
        "",
        "SELECT id, c FROM (SELECT id, count(v) OVER w AS c FROM t WINDOW w AS"
        f" (PARTITION BY k ORDER BY ts {ENDS})) AS q",
        [t(i, SECOND + 1000 * i) for i in range(6)],
    ),
    Shape("current row below", "", "", below(RECENT), ONE, SIX),
    Shape("rows before the row below", "", "", below(ROWS_END), ONE, SIX),
    Shape(
        "MAXSIZE",
        "",
        "",
        over("ROWS_RANGE BETWEEN 5s PRECEDING AND 1s PRECEDING MAXSIZE 2"),
        [t(i, SECOND + 500 * i) for i in range(7)],
    ),
    Shape(
        "MAXSIZE below",
        "",
        "",
        below("ROWS_RANGE BETWEEN 9s PRECEDING AND CURRENT ROW MAXSIZE 2 EXCLUDE CURRENT_ROW"),
        ONE,
        SIX,
    ),
    Shape(
        "MAXSIZE without the row",
        "",
        "",
        over("ROWS_RANGE BETWEEN 5s PRECEDING AND CURRENT ROW MAXSIZE 2 EXCLUDE CURRENT_TIME"),
        [t(i, SECOND + 500 * (i // 2)) for i in range(7)],
    ),
    Shape("time 0", "", "", over(ENDS), [t(1, 0), t(2, 0), t(3, 500), t(4, 1500)]),
    Shape(
        "no rows in the frame of a request",
        "",
        "",
        over(ENDS, "count(v) OVER w AS c, topn_frequency(s, 2) OVER w AS f, sum(v) OVER w AS s"),
        [t(1, SECOND)],
    ),
    Shape(
        "equal times in one window",
        "",
        "",
        over(RECENT, "count(v) OVER w AS c, lag(id, 1) OVER w AS g"),
        [t(i, SECOND) for i in range(4)],
    ),
    Shape(
        "equal times of a UNION",
        "",
        "",
        "SELECT id, first_value(id) OVER w AS f, lag(id, 1) OVER w AS g, count(id) OVER w AS c FROM t WINDOW w AS"
        f" (UNION u PARTITION BY k ORDER BY ts {RECENT})",
        [t(1, SECOND), t(2, SECOND)],
        u=[t(11, SECOND), t(12, SECOND)],
    ),
    Shape(
        "INSTANCE_NOT_IN_WINDOW",
        "",
        "",
        "SELECT id, count(id) OVER w AS c, sum(id) OVER w AS s FROM t WINDOW w AS (UNION u PARTITION BY k ORDER BY ts"
        " ROWS_RANGE BETWEEN 9s PRECEDING AND 1s PRECEDING MAXSIZE 2 INSTANCE_NOT_IN_WINDOW)",
        [t(1, SECOND), t(2, SECOND + 5000)],
        u=[t(11 + i, SECOND + 1000 * i) for i in range(4)],
    ),
    Shape(
        "EXCLUDE CURRENT_TIME of a request",
        "",
        "",
        over("ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING EXCLUDE CURRENT_TIME"),
        [t(-2, SECOND - 3000), t(-1, SECOND - 2000), t(0, SECOND - 1000), *(t(i, SECOND) for i in range(1, 4))],
    ),
    Shape(
        "NULL and empty keys of a window",
        "",
        "",
        over(NINE),
        [t(1, SECOND, k=None), t(2, SECOND + 1, k=None), t(3, SECOND + 2, k=""), t(4, SECOND + 3, k="")],
    ),
    Shape(
        "lag past the frame",
        "",
        "",
        over("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", "lag(v, 3) OVER w AS a"),
        [t(i, SECOND + i) for i in range(6)],
    ),
    Shape(
        "window after a join",
        "",
        "",
        "SELECT t.id, sum(r.rv) OVER w AS s FROM t LAST JOIN r ORDER BY r.rts ON t.k = r.rk AND r.rts <= t.ts"
        " WINDOW w AS"
        f" (PARTITION BY t.k ORDER BY t.ts {RECENT})",
        [t(i, SECOND + 1500 * i) for i in range(4)],
        SIX,
    ),
    Shape(
        "casts beside a computed column",
        "",
        "",
        beside(casts("int(s)", "string(d)", "bigint(ts)", "timestamp(dt)")),
        [t(1, 1_599_999_999_999, s="1.9", d=1e10, dt="1986-06-01"), t(2, SECOND, s="0x10", d=0.1)],
    ),
    Shape("LAST JOIN ... DESC", "", "", last_join("t.k = r.rk", order="ORDER BY r.rts DESC "), ONE, SIX),
    Shape(
        "overflow of a sum",
        "",
        "",
        over(NINE, "sum(v) OVER w AS s, avg(v) OVER w AS a"),
        [t(1, SECOND, v=2147483647), t(2, SECOND + 1, v=2147483647)],
    ),
)
