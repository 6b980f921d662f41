"""Queries that are valid or nearly so, to ask two compilers whether they take them.

A seed gives the same queries everywhere. They are text by hand-written rules, not by the parser that is under test.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

TABLES: dict[str, dict[str, str]] = {
    "t": {
        "id": "int", "k": "string", "g": "int", "ts": "timestamp", "sq": "bigint", "b": "bool", "h": "smallint",
        "i": "int", "l": "bigint", "f": "float", "d": "double", "s": "string", "dt": "date", "tm": "timestamp",
    },
    "u": {
        "id": "int", "k": "string", "g": "int", "ts": "timestamp", "sq": "bigint", "b": "bool", "h": "smallint",
        "i": "int", "l": "bigint", "f": "float", "d": "double", "s": "string", "dt": "date", "tm": "timestamp",
    },
    "r": {
        "rid": "int", "rk": "string", "rg": "int", "rts": "timestamp", "rv": "int", "rl": "bigint", "rf": "float",
        "rd": "double", "rs": "string", "rdt": "date", "rb": "bool", "rh": "smallint",
    },
    "p": {"k": "string", "i": "int", "pts": "timestamp", "pd": "double"},
}  # fmt: skip
"""``u`` has the columns of ``t``; ``p`` shares two names with it, ``r`` none."""

FRAME = "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"
TIMES = "ROWS_RANGE BETWEEN 3s PRECEDING AND CURRENT ROW"


@dataclass(frozen=True)
class Question:
    """A query and the kind of thing that it tries."""

    kind: str
    sql: str


class Writer:
    """Writes pieces of queries by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def one(self, *choices: str) -> str:
        """One of some texts."""
        return self.chance.choice(choices)

    def rarely(self, text: str, share: float = 0.15) -> str:
        """The text, or most of the time nothing."""
        return text if self.chance.random() < share else ""

    def some(self, make: Callable[[], str], low: int = 1, high: int = 3) -> str:
        """A list by comma."""
        return ", ".join(make() for _ in range(self.chance.randint(low, high)))

    # ---- values

    def column(self) -> str:
        return self.one(*TABLES["t"])

    def number(self) -> str:
        return self.one("g", "h", "i", "l", "f", "d", "i", "l")

    def literal(self) -> str:
        return self.one(
            "1", "0", "-1", "2L", "1.5", "1.5f", "0.5", "'a'", "''", "'{order}'", "','", "true", "false", "NULL", "NULL",
            "9223372036854775807", "'2020-01-01'", "'1'", "-2147483648", "10",
        )  # fmt: skip

    def value(self, depth: int = 2) -> str:
        """An expression over a row, of any type."""
        if depth == 0 or self.chance.random() < 0.3:
            return self.column() if self.chance.random() < 0.75 else self.literal()
        deeper = [self.value(depth - 1) for _ in range(3)]
        a, b, c = deeper
        n = self.number()
        return self.one(
            f"{n} {self.one('+', '-', '*', '/', '%', 'DIV')} {b}",
            f"({a} {self.one('+', '-', '*', '&', '|', '^')} {b})",
            f"{a} {self.one('=', '<', '>', '<>', '!=', '<=', '>=')} {b}",
            f"({a} {self.one('AND', 'OR', 'XOR')} {b})",
            f"NOT {a}",
            f"-{a}",
            f"~{a}",
            f"{a} IS NULL",
            f"{a} IS NOT NULL",
            f"{a} IN ({b}, {c})",
            f"{a} BETWEEN {b} AND {c}",
            f"{a} LIKE {self.one(b, chr(39) + 'a%' + chr(39))}",
            f"CASE WHEN {self.condition()} THEN {a} ELSE {b} END",
            f"CASE {a} WHEN {b} THEN {c} END",
            f"CAST({a} AS {self.type()})",
            f"{self.type()}({a})",
            self.call(a, b, c),
            self.call(a, b, c),
        )

    def type(self) -> str:
        return self.one("bool", "smallint", "int", "bigint", "float", "double", "string", "timestamp", "date")

    def call(self, a: str, b: str, c: str) -> str:
        """A call of a function over a row."""
        one = (
            "abs ceil floor exp ln log log10 log2 sqrt round truncate sin cos tan asin acos atan degrees radians upper lower"
            " ucase lcase reverse char_length year month day hour minute second dayofweek weekofyear last_day date"
            " unix_timestamp hex unhex hash64 is_null isnull size bigint string char json_array_length"
        )
        two = (
            "concat ifnull nvl pow substr substring date_format datediff strcmp pmod maximum minimum replace split"
            " atan2 get_json_object add_months locate isin regexp_like like_match round log concat_ws char"
        )
        three = "substr concat nvl2 replace concat_ws locate split_by_key regexp_like like_match"
        roll = self.chance.random()
        if roll < 0.5:
            return f"{self.one(*one.split())}({a})"
        if roll < 0.85:
            return f"{self.one(*two.split())}({a}, {b})"
        if roll < 0.97:
            return f"{self.one(*three.split())}({a}, {b}, {c})"
        return self.one("now()", "no_such_function(i)", "abs()", "concat()", f"identity({a})")

    def condition(self) -> str:
        """A condition over a row, now and then one that is none."""
        n, m = self.number(), self.number()
        return self.one(
            f"{n} > {m}", f"{n} > 1", "b", f"s = {self.one(chr(39) + 'a' + chr(39), 'k')}", f"{n} IS NULL", f"NOT ({n} > 1)",
            "i IN (1, 2)", "k LIKE 'a%'", f"({n} > 1 AND {m} < 2)", f"{n} = {m}", "i BETWEEN 1 AND 2", "g = 1",
            self.one("i", "s", "ts", "dt", "d", "NULL", "true", "1", "'a'", "i = NULL", "s > 1", "ts > 1", "dt = 'a'"),
        )  # fmt: skip

    # ---- aggregates

    def argument(self) -> str:
        """The argument of an aggregate."""
        roll = self.chance.random()
        if roll < 0.6:
            return self.number()
        if roll < 0.75:
            return self.column()
        return self.literal() if roll < 0.85 else self.value(1)

    def aggregate(self) -> str:
        """A call of an aggregate, mostly of the right shape."""
        a, key = self.argument(), self.one("k", "s", "g", "i", "l", "dt", "ts", "d", "b", "h")
        if self.chance.random() < 0.06:
            key = self.literal()
        where = self.condition()
        n = self.one("1", "2", "3", "2L", "0", "-1", "i", "1.5", "'1'", "NULL") if self.chance.random() < 0.3 else "2"
        plain = (
            "count sum avg min max distinct_count stddev stddev_samp stddev_pop variance var_samp var_pop median entropy"
            " drawdown top1_ratio first_value last_value std"
        )
        cate = self.one("count", "sum", "avg", "min", "max")
        top = self.one("key", "value")
        return self.one(
            f"{self.one(*plain.split())}({a})",
            f"{self.one(*plain.split())}({a})",
            self.one("count(*)", "count(1)", "sum(1)", "count(id)", "count(*)", "count(NULL)", "count(t.i)", "count(DISTINCT i)"),
            f"{cate}_where({a}, {where})",
            f"{cate}_cate({a}, {key})",
            f"{cate}_cate_where({a}, {where}, {key})",
            f"top_n_{top}_{cate}_cate_where({a}, {where}, {key}, {n})",
            f"top_n_{top}_ratio_cate({a}, {where}, {key}, {n})",
            f"{self.one('lag', 'at')}({a}, {n})",
            f"{self.one('first_value', 'last_value', 'lag', 'at')}({a}{self.rarely(', 1')})",
            f"nth_value_where({a}, {n}, {where})",
            f"topn_frequency({a}, {n})",
            f"top({a}, {n})",
            f"ew_avg({a}, {self.one('0.5', '1.5', '1', '0.5f', 'd', 'NULL')})",
            f"{self.one('window_split', 'window_split_by_key')}({self.one('s', 'k', a)}, ','{self.rarely(', 1')})",
            f"`join`(window_split({self.one('s', 'k')}, ','), '-')",
        )  # fmt: skip

    def over(self, window: str = "w") -> str:
        """An aggregate over a window, alone or in an expression."""
        a, b = self.aggregate(), self.aggregate()
        return self.one(
            *[f"{a} OVER {window}"] * 8,
            f"{a} OVER {window} + {self.one('1', 'i', 'NULL')}",
            f"{self.one('abs', 'string', 'ifnull', 'log', 'is_null')}({a} OVER {window})",
            f"{a} OVER {window} + {b} OVER {window}",
            f"CASE WHEN {a} OVER {window} > 1 THEN {self.literal()} ELSE {b} OVER {window} END",
            f"sum({self.number()} + count(i) OVER {window}) OVER {window}",
            f"sum(count(i) OVER {window}) OVER {window}",
            f"max({a}) OVER {window}",
            f"count(CASE WHEN i > last_value(i) OVER {window} THEN i END) OVER {window}",
            f"({a} OVER {window}) IN (1, 2)",
        )

    # ---- windows

    def frame(self) -> str:
        n, m = self.one("0", "1", "2", "5", "100"), self.one("0", "1", "3")
        unit = self.one("s", "m", "h", "d", "", "ms", "x")
        return self.one(
            *[FRAME, TIMES] * 3,
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            "ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            f"ROWS BETWEEN {n} PRECEDING AND {m} PRECEDING",
            f"ROWS_RANGE BETWEEN {n}{unit} PRECEDING AND {m}{unit} PRECEDING",
            f"ROWS_RANGE BETWEEN {n}{unit} PRECEDING AND CURRENT ROW",
            f"ROWS {n} PRECEDING",
            f"ROWS_RANGE {n}s PRECEDING",
            "ROWS UNBOUNDED PRECEDING",
            "ROWS CURRENT ROW",
            f"RANGE BETWEEN {n} PRECEDING AND CURRENT ROW",
            f"ROWS BETWEEN {n} PRECEDING AND {m} FOLLOWING",
            f"ROWS_RANGE BETWEEN {n}s PRECEDING AND {m}s FOLLOWING",
            "ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING",
            "ROWS BETWEEN CURRENT ROW AND CURRENT ROW",
            f"ROWS BETWEEN {n} OPEN PRECEDING AND CURRENT ROW",
            f"ROWS_RANGE BETWEEN {n}s OPEN PRECEDING AND {m}s OPEN PRECEDING",
            f"ROWS BETWEEN {n} PRECEDING AND UNBOUNDED FOLLOWING",
            f"ROWS BETWEEN {n}s PRECEDING AND CURRENT ROW",
            "",
        )

    def window(self, keys: str = "k", order: str = "ts", union: str = "") -> str:
        """What stands in the parentheses of a window."""
        roll = self.chance.random()
        frame = self.frame() if roll < 0.4 else self.one(FRAME, TIMES)
        if self.chance.random() < 0.2:
            keys = self.one(
                "k", "g", "k, g", "i", "s", "dt", "ts", "d", "f", "b", "h", "l", "k, k", "i + 1", "nope", "t.k", "1"
            )
        if self.chance.random() < 0.2:
            order = self.one(
                "ts",
                "tm",
                "sq",
                "i",
                "h",
                "dt",
                "s",
                "d",
                "f",
                "b",
                "ts DESC",
                "ts ASC",
                "ts, id",
                "ts + 1",
                "t.ts",
                "nope",
            )
        by = f" ORDER BY {order}" if self.chance.random() < 0.93 else ""
        partition = f"PARTITION BY {keys}" if self.chance.random() < 0.96 else ""
        maxsize = self.rarely(f" MAXSIZE {self.one('1', '2', '10', '0')}", 0.1)
        exclude = self.rarely(" EXCLUDE CURRENT_ROW", 0.1) + self.rarely(" EXCLUDE CURRENT_TIME", 0.1)
        outside = self.rarely(" INSTANCE_NOT_IN_WINDOW", 0.5 if union else 0.08)
        return f"{union}{partition}{by} {frame}{maxsize}{exclude}{outside}".strip()

    def windows(self, names: str = "w", union: str = "") -> str:
        """A WINDOW clause."""
        defined = ", ".join(f"{name} AS ({self.window(union=union)})" for name in names.split())
        return f" WINDOW {defined}"

    # ---- sources

    def subquery(self, table: str = "t") -> str:
        """A subquery with the columns of t (or u, which has the same), without its parentheses."""
        key = "k" if table != "r" else "rk"
        every = TABLES[table]
        listed = ", ".join(every)
        number, text = ("i", "s") if table != "r" else ("rv", "rs")
        computed = ", ".join(f"{c} + 1 AS {c}" if c == number else c for c in every)
        cast = ", ".join(f"bigint({c}) AS {c}" if c == "l" else c for c in every)
        time = "ts" if table != "r" else "rts"
        counted = ", ".join(f"count({text}) OVER x AS {c}" if c in ("l", "rl") else c for c in every)
        return self.one(
            *[f"SELECT * FROM {table}"] * 3,
            f"SELECT {listed} FROM {table}",
            f"SELECT {computed} FROM {table}",
            f"SELECT {cast} FROM {table}",
            f"SELECT * FROM {table} WHERE {number} > 1",
            f"SELECT * FROM {table} WHERE {number} = 1",
            f"SELECT * FROM {table} WHERE {number} IN (1)",
            f"SELECT * FROM {table} WHERE {text} = 'a' AND {number} > 1",
            f"SELECT * FROM {table} WHERE {key} = 'a'",
            f"SELECT * FROM {table} LIMIT 2",
            f"SELECT * FROM (SELECT * FROM {table}) AS z",
            f"SELECT {counted} FROM {table} WINDOW x AS (PARTITION BY {key} ORDER BY {time} {FRAME})",
            f"SELECT {counted} FROM {table} WINDOW x AS (PARTITION BY {key} ORDER BY {time}"
            " ROWS_RANGE BETWEEN 3s PRECEDING AND 1s PRECEDING)",
        )

    def source(self, table: str = "t") -> str:
        """Something with the columns of t."""
        if self.chance.random() < 0.6:
            return table
        return f"({self.subquery(table)}) AS {table}"

    def right(self) -> str:
        """The right side of a join."""
        if self.chance.random() < 0.5:
            return "r"
        if self.chance.random() < 0.7:
            return f"({self.subquery('r')}) AS r"
        return self.one(
            "(SELECT rk, rts, max(rv) AS rv, rg, rd, rs FROM r GROUP BY rk) AS r",
            "(SELECT rk, max(rv) AS rv FROM r GROUP BY rk) AS r",
            "(SELECT * FROM r UNION ALL SELECT * FROM r) AS r",
            "(SELECT rid, rk, rg, rts, rv, rs, rd, i AS j FROM r LAST JOIN u ON r.rk = u.k) AS r",
            "(SELECT rid, rk, rg, rts, rv, rs, rd, i AS j FROM r LAST JOIN u ORDER BY u.ts ON r.rk = u.k) AS r",
            "(SELECT k AS rk, ts AS rts, i AS rv, s AS rs, g AS rg, d AS rd FROM u) AS r",
            "(SELECT k AS rk, ts AS rts, i AS rv, s AS rs, g AS rg, d AS rd FROM t) AS r",
            "(SELECT DISTINCT * FROM r) AS r",
        )

    def on(self) -> str:
        """A join's condition."""
        more = self.one(
            *[""] * 8, " AND r.rv > 1", " AND t.i > r.rv", " AND r.rv = 1", " AND t.g = r.rg", " AND r.rs = 'a'", " AND t.i = 1",
            " OR r.rv > 1", " AND r.rts <= t.ts", " AND r.rts = t.ts", " AND r.rv IS NULL", " AND r.rv IN (1, 2)",
        )  # fmt: skip
        equal = self.one(
            *["t.k = r.rk"] * 8, "k = rk", "r.rk = t.k", "t.g = r.rg", "t.d = r.rd", "t.f = r.rf", "t.i = r.rl", "t.k = r.rg",
            "t.ts = r.rts", "t.dt = r.rdt", "t.b = r.rb", "t.k > r.rk", "r.rk = 'a'", "t.k = r.nope", "t.i + 1 = r.rv", "true",
            "t.i = r.rv + 1", "t.k = r.rk AND t.k = r.rs", "t.h = r.rh", "t.i = r.rh", "t.l = r.rl", "lower(t.k) = r.rk",
        )  # fmt: skip
        return equal + more

    def join(self) -> str:
        """A join after t, with ``r``."""
        order = self.one(*[""] * 3, *[" ORDER BY r.rts"] * 4, " ORDER BY rts", " ORDER BY r.rv", " ORDER BY r.rts DESC", " ORDER BY r.rs",
                         " ORDER BY r.rd", " ORDER BY r.rdt", " ORDER BY r.rl", " ORDER BY t.ts", " ORDER BY r.nope", " ORDER BY r.rh")  # fmt: skip
        kind = self.one(*["LAST JOIN"] * 10, "LEFT JOIN", "LEFT JOIN", "INNER JOIN", "JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT OUTER JOIN",
                        "CROSS JOIN")  # fmt: skip
        if kind != "LAST JOIN":
            order = self.rarely(order, 0.1)
        on = f" ON {self.on()}" if self.chance.random() < 0.97 else ""
        return f" {kind} {self.right()}{order}{on}"

    def joined(self) -> str:
        """A column of a join of t with r."""
        return self.one(
            "r.rv",
            "rv",
            "t.i",
            "r.rs",
            "r.rts",
            "t.i + r.rv",
            "ifnull(r.rv, 0)",
            "i",
            "r.*",
            "t.k = r.rk",
            "r.nope",
            "1",
            "rv + 0",
        )

    # ---- queries

    def projection(self) -> str:
        return f"SELECT id, {self.some(self.value)} FROM {self.source()}"

    def constants(self) -> str:
        return self.one(
            f"SELECT {self.literal()}",
            f"SELECT {self.literal()} AS x, {self.literal()} AS y FROM t",
            f"SELECT {self.some(self.literal)} FROM t",
            f"SELECT id, {self.literal()} + {self.literal()} FROM t",
            f"SELECT {self.call(self.literal(), self.literal(), self.literal())} FROM t",
            f"SELECT id, CAST({self.literal()} AS {self.type()}) FROM t",
            f"SELECT CAST({self.literal()} AS {self.type()})",
        )

    def windowed(self) -> str:
        return f"SELECT id, {self.some(self.over)} FROM {self.source()}{self.windows()}"

    def plain_windows(self) -> str:
        """Right aggregates over windows that may be wrong."""
        calls = self.some(
            lambda: self.one(
                "count(i) OVER w", "sum(l) OVER w", "max(s) OVER w", "lag(i, 1) OVER w", "first_value(d) OVER w"
            ),
            1,
            2,
        )
        return f"SELECT id, {calls} FROM {self.source()}{self.windows()}"

    def plain_calls(self) -> str:
        """Aggregates that may be wrong over a right window."""
        frame = self.one(FRAME, TIMES)
        calls = self.some(lambda: f"{self.aggregate()} OVER w", 1, 2)
        return f"SELECT id, {calls} FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {frame})"

    def shapes_of_over(self) -> str:
        window = f"(PARTITION BY k ORDER BY ts {FRAME})"
        frames = f" WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME}), w2 AS (PARTITION BY {self.one('k', 'g')} ORDER BY {self.one('ts', 'tm')} {self.one(FRAME, TIMES)})"
        a, b = (
            self.one("sum(i)", "count(*)", "lag(i, 1)", "max(l)"),
            self.one("sum(i)", "count(*)", "first_value(i)", "min(d)"),
        )
        return self.one(
            f"SELECT id, {a} OVER {window} FROM t",
            f"SELECT id, {a} OVER w, {b} OVER w2 FROM t{frames}",
            f"SELECT id, {a} OVER w + {b} OVER w2 FROM t{frames}",
            f"SELECT id, {a} OVER w + {b} OVER w FROM t{frames}",
            f"SELECT id, sum({b} OVER w) OVER w FROM t{frames}",
            f"SELECT id, sum({b} OVER w2) OVER w FROM t{frames}",
            f"SELECT id, sum({b}) OVER w FROM t{frames}",
            f"SELECT id, {a} OVER w, {b} FROM t{frames}",
            f"SELECT id, {a} OVER nope FROM t{frames}",
            f"SELECT id, i OVER w FROM t{frames}",
            f"SELECT id, abs(i) OVER w FROM t{frames}",
            f"SELECT {a} OVER w AS a, {a} OVER w AS a FROM t{frames}",
            f"SELECT id, {a} OVER (w) FROM t{frames}",
            f"SELECT id, {a} OVER () FROM t",
            f"SELECT {a} OVER w FROM t{frames}",
            f"SELECT *, {a} OVER w FROM t{frames}",
            f"SELECT id FROM t{frames}",
            f"SELECT id, {a} OVER w FROM t{frames}, w AS (PARTITION BY k ORDER BY ts {FRAME})",
            f"SELECT id, i + {a} OVER w FROM t{frames} LIMIT 1",
            f"SELECT id, {a} OVER w FROM t WHERE {a} OVER w > 1{frames}",
            f"SELECT id, {a} OVER {window} + {b} OVER {window} FROM t",
        )

    def grouped(self) -> str:
        keys = self.one(
            *["k"] * 5,
            "g",
            "k, g",
            "i",
            "s",
            "dt",
            "ts",
            "d",
            "f",
            "b",
            "h",
            "l",
            "k + 1",
            "i + 1",
            "nope",
            "t.k",
            "1",
            "lower(k)",
        )
        items = self.one(keys, keys, "k", "k AS q", "g", "i", "i + 1", "1", "*")
        call = (
            self.aggregate()
            if self.chance.random() < 0.5
            else self.one("count(*)", "sum(i)", "max(s)", "avg(d)", "count(i)")
        )
        more = self.one(*[""] * 6, " + 1", ", 1", ", i", " + g")
        where = self.rarely(f" WHERE {self.condition()}")
        having = self.rarely(f" HAVING {self.one('count(*) > 1', 'sum(i) > 1', 'k > 1', 'i > 1', call)}")
        end = self.rarely(self.one(" LIMIT 1", " ORDER BY k", " ORDER BY count(*)"), 0.1)
        return f"SELECT {items}, {call}{more} FROM {self.source()}{where} GROUP BY {keys}{having}{end}"

    def over_all(self) -> str:
        """Aggregates of a whole table."""
        call, other = self.aggregate(), self.one("count(*)", "sum(i)", "max(s)", "min(d)", "count(i)")
        where = self.rarely(f" WHERE {self.condition()}", 0.3)
        return self.one(
            f"SELECT {other} FROM t{where}",
            f"SELECT {other} FROM {self.source()}{where}",
            f"SELECT {other} AS x, {other} + 1 AS y FROM t{where}",
            f"SELECT {call} FROM t{where}",
            f"SELECT {other}, i FROM t{where}",
            f"SELECT {other}, 1 FROM t{where}",
            f"SELECT {other} FROM t HAVING {other} > 1",
            f"SELECT {other} FROM t LIMIT 1",
            "SELECT i FROM t HAVING i > 1",
            f"SELECT x FROM (SELECT {other} AS x FROM t{where}) AS q",
            f"SELECT max(x) FROM (SELECT {other} AS x FROM t GROUP BY k) AS q",
        )

    def ends(self) -> str:
        """LIMIT, OFFSET, ORDER BY, DISTINCT."""
        limit = self.one(" LIMIT 1", " LIMIT 0", " LIMIT 10", " LIMIT 1 OFFSET 1", " LIMIT -1", " LIMIT 1.5", " LIMIT i", " LIMIT 'a'", " OFFSET 1",
                         " LIMIT 1, 2", " LIMIT 99999999999")  # fmt: skip
        order = self.one(" ORDER BY id", " ORDER BY ts DESC", " ORDER BY id, ts", " ORDER BY nope", " ORDER BY i + 1", " ORDER BY 1", " ORDER BY s ASC",
                         " ORDER BY t.id")  # fmt: skip
        items = self.one("id", "id, s", "*", "id + 1 AS x", "t.*", "id AS x")
        return self.one(
            f"SELECT {items} FROM t{limit}",
            f"SELECT {items} FROM t{order}",
            f"SELECT {items} FROM t{order}{limit}",
            f"SELECT DISTINCT {items} FROM t",
            f"SELECT DISTINCT {items} FROM t{limit}",
            f"SELECT ALL {items} FROM t",
            f"SELECT {items} FROM (SELECT * FROM t{limit}) AS t",
            f"SELECT {items} FROM (SELECT * FROM t{order}) AS t",
            f"SELECT id, count(i) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME}){limit}",
            f"SELECT id, count(i) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME}){order}",
            f"SELECT t.id, r.rv FROM t LAST JOIN r ORDER BY r.rts ON t.k = r.rk{limit}",
            f"SELECT t.id, r.rv FROM t LAST JOIN (SELECT * FROM r{self.one(' LIMIT 1', ' ORDER BY rts')}) AS r ON t.k = r.rk",
        )

    def filters(self) -> str:
        """WHERE."""
        condition = self.condition() if self.chance.random() < 0.7 else self.value(1)
        return self.one(
            f"SELECT id FROM t WHERE {condition}",
            f"SELECT id, {self.value(1)} FROM t WHERE {condition}",
            f"SELECT id FROM (SELECT * FROM t WHERE {condition}) AS t",
            f"SELECT id FROM (SELECT id, i FROM t) AS q WHERE {self.one('i > 1', 'q.i > 1', 't.i > 1', 's > 1')}",
            f"SELECT id, count(i) OVER w FROM t WHERE {condition} WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME})",
            f"SELECT id, count(i) OVER w FROM (SELECT * FROM t WHERE {condition}) AS t WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME})",
            f"SELECT t.id, r.rv FROM t LAST JOIN r ON t.k = r.rk WHERE {self.one('t.i > 1', 'r.rv > 1', 'rv = 1', 'i')}",
            f"SELECT id + 1 AS x FROM t WHERE {self.one('x > 1', 'count(*) > 1', 'i IN (SELECT rv FROM r)', 'EXISTS (SELECT 1)')}",
        )

    def joins(self) -> str:
        items = f"t.id, {self.some(self.joined)}"
        more = self.rarely(" LAST JOIN p ON t.k = p.k", 0.15) + self.rarely(
            " LAST JOIN u ORDER BY u.ts ON t.k = u.k", 0.1
        )
        return f"SELECT {items} FROM {self.source()}{self.join()}{more}"

    def window_over_join(self) -> str:
        call = self.one(
            "sum(r.rv) OVER w",
            "count(t.i) OVER w",
            "sum(rv) OVER w",
            "max(r.rs) OVER w",
            "lag(r.rv, 1) OVER w",
            "count(i) OVER w",
        )
        keys = self.one(*["k"] * 4, "t.k", "r.rg", "rk", "t.g")
        order = self.one(*["ts"] * 4, "t.ts", "r.rts", "rts")
        union = self.rarely("UNION u ", 0.1)
        return f"SELECT t.id, {call} FROM {self.source()}{self.join()} WINDOW w AS ({union}PARTITION BY {keys} ORDER BY {order} {self.one(FRAME, TIMES)})"

    def window_unions(self) -> str:
        other = self.one(
            *["u"] * 4, "(SELECT * FROM u)", f"({self.subquery('u')})", f"({self.subquery('u')})", "u, u", "r", "p", "t", "(SELECT * FROM t)",
            "(SELECT * FROM u UNION ALL SELECT * FROM u)", "(SELECT id, k, g, ts, sq, b, h, i, l, f, d, s, dt, tm FROM u LAST JOIN r ON u.k = r.rk)",
            "(SELECT id, k FROM u)", "nope",
        )  # fmt: skip
        call = self.one("count(i) OVER w", "sum(l) OVER w", f"{self.aggregate()} OVER w")
        return f"SELECT id, {call} FROM {self.source()} WINDOW w AS ({self.window(union=f'UNION {other} ')})"

    def subqueries(self) -> str:
        inner = f"SELECT id, k, ts, i, {self.one('count(i)', 'sum(l)', 'lag(i, 1)')} OVER w AS c FROM {self.source()} WINDOW w AS (PARTITION BY k ORDER BY ts {self.one(FRAME, TIMES)})"
        outer = (
            f" WINDOW v AS (PARTITION BY {self.one('k', 'c')} ORDER BY {self.one('ts', 'c')} {self.one(FRAME, TIMES)})"
        )
        return self.one(
            f"SELECT {self.one('id, c', '*', 'c + 1', 'q.c', 't.c', 'nope', 'id, c + i')} FROM ({inner}) AS q",
            f"SELECT id, sum(c) OVER v FROM ({inner}) AS q{outer}",
            f"SELECT q.id, q.c, r.rv FROM ({inner}) AS q LAST JOIN r {self.one('', 'ORDER BY r.rts ')}ON q.{self.one('k', 'k', 'c')} = r.{self.one('rk', 'rk', 'rl')}",
            f"SELECT q.id, q.c, x.c FROM ({inner}) AS q LAST JOIN ({inner}) AS x ON q.id = x.id",
            f"SELECT t.id, q.c FROM t LAST JOIN ({inner.replace('FROM t', 'FROM u')}) AS q {self.one('', 'ORDER BY q.ts ')}ON t.k = q.k",
            f"SELECT id FROM ({inner}) AS q WHERE c > 1",
            f"SELECT k, max(c) FROM ({inner}) AS q GROUP BY k",
            "SELECT id FROM (SELECT * FROM (SELECT * FROM t) AS a) AS b",
            f"SELECT id, ({inner}) FROM t",
            f"SELECT id FROM ({inner})",
            f"SELECT a.id, b.c FROM (SELECT id, i FROM t) AS a LAST JOIN (SELECT id, count(i) OVER w AS c FROM t WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME})) AS b ON a.id = b.id",
        )

    def unions(self) -> str:
        kind = self.one(*["UNION ALL"] * 4, "UNION DISTINCT", "UNION", "INTERSECT", "EXCEPT ALL")
        left = self.one("SELECT id, i FROM t", "SELECT id, k, ts, i FROM t", "SELECT * FROM t")
        right = self.one(left.replace("FROM t", "FROM u"), left, "SELECT id, i FROM u", "SELECT rid AS id, rv AS i FROM r", "SELECT id, l FROM u",
                         "SELECT id, i FROM u WHERE i > 1", "SELECT id FROM u")  # fmt: skip
        both = f"{left} {kind} {right}"
        return self.one(
            both,
            f"SELECT id FROM ({both}) AS q",
            f"SELECT id, count(i) OVER w FROM ({both}) AS q WINDOW w AS (PARTITION BY k ORDER BY ts {FRAME})",
            f"SELECT t.id, q.i FROM t LAST JOIN ({both.replace('FROM t', 'FROM u')}) AS q ON t.id = q.id",
            f"SELECT t.id, q.i FROM t LAST JOIN ({both.replace('FROM t', 'FROM u')}) AS q ORDER BY q.{self.one('i', 'ts')} ON t.id = q.id",
            f"{both} {kind} {right}",
            f"SELECT id, count(*) FROM ({both}) AS q GROUP BY id",
        )

    def names(self) -> str:
        """Columns that are unknown, ambiguous, in another case or under another table's name."""
        return self.one(
            f"SELECT {self.one('nope', 't.nope', 'x.id', 'ID', 'Id', 'T.id', '`id`', 'db.t.id', 'u.id', 'other.t.id', 't.id')} FROM t",
            f"SELECT id FROM {self.one('nope', 'db.t', 'T', 'other.t', '`t`', 't AS x', 't x')}",
            f"SELECT {self.one('k', 't.k', 'p.k', 'i', 'pd', 'p.i', '*', 'p.*', 't.*')} FROM t LAST JOIN p ON {self.one('t.k = p.k', 'k = p.k', 't.k = k', 'k = k')}",
            f"SELECT {self.one('k', 'x.k', 'y.k', 'i', 't.k')} FROM t AS x LAST JOIN t AS y ON x.k = y.k",
            f"SELECT {self.one('id', 't.id', 'u.id')} FROM t LAST JOIN u ORDER BY {self.one('u.ts', 'ts', 't.ts')} ON t.k = u.k",
            f"SELECT q.{self.one('k', 'i', 'x')} FROM (SELECT t.k, p.k, p.i AS x FROM t LAST JOIN p ON t.k = p.k) AS q",
            f"SELECT {self.one('k', 'x', '*')} FROM (SELECT t.k, p.k, p.i AS x FROM t LAST JOIN p ON t.k = p.k) AS q",
            f"SELECT {self.one('id', 'x', '*')} FROM (SELECT id AS x, i AS x FROM t) AS q",
            f"SELECT id, count({self.one('k', 'p.k', 'i', 'p.i', 't.i')}) OVER w FROM t LAST JOIN p ON t.k = p.k WINDOW w AS (PARTITION BY {self.one('t.k', 'k', 'p.k')} ORDER BY ts {FRAME})",
            f"SELECT t.id, {self.one('q.i', 'i', 'q.k', 'q.pd')} FROM t LAST JOIN (SELECT * FROM u LAST JOIN p ON u.k = p.k) AS q ON t.k = q.{self.one('id', 'k', 'pd', 's')}",
            f"SELECT t.id, {self.one('q.id', 'q.j')} FROM t LAST JOIN (SELECT u.id, u.k, u.ts, p.i AS j FROM u LAST JOIN p ON u.k = p.k) AS q ON t.k = q.k",
            "SELECT id AS a, a + 1 AS c FROM t",
            f"SELECT {self.one('id AS `select`', 'id AS `a b`', 'id AS a, i AS a', 'id id', 'id AS `1`')} FROM t",
        )

    def with_clauses(self) -> str:
        return self.one(
            f"WITH q AS ({self.subquery()}) SELECT id, {self.value(1)} FROM q",
            f"WITH q AS ({self.subquery()}) SELECT id, count(i) OVER w FROM q{self.windows()}",
            f"WITH q AS ({self.subquery()}), z AS (SELECT id, k, i, ts FROM q) SELECT id, i FROM z",
            f"WITH q AS ({self.subquery('r')}) SELECT t.id, q.rv FROM t LAST JOIN q {self.one('', 'ORDER BY q.rts ')}ON t.k = q.rk",
            f"WITH q AS ({self.subquery('u')}) SELECT id, count(i) OVER w FROM t WINDOW w AS (UNION q PARTITION BY k ORDER BY ts {FRAME})",
            "WITH q AS (SELECT * FROM q) SELECT * FROM q",
            "WITH t AS (SELECT * FROM t) SELECT id FROM t",
            "WITH q AS (SELECT id FROM t), q AS (SELECT i FROM t) SELECT * FROM q",
        )

    def mixed(self) -> str:
        """Several of these in one."""
        items = ", ".join(
            [
                "t.id AS id",
                *(
                    f"{self.one(self.over('w'), self.over('v'), self.value(1), 'r.rv', 'r.rs')} AS c{n}"
                    for n in range(self.chance.randint(1, 3))
                ),
            ]
        )
        union = self.rarely("UNION u ", 0.2)
        join = (
            f" LAST JOIN {self.right()}{self.one('', ' ORDER BY r.rts')} ON t.k = r.rk"
            if self.chance.random() < 0.7
            else ""
        )
        windows = f" WINDOW w AS ({union}PARTITION BY k ORDER BY ts {self.one(FRAME, TIMES)}), v AS (PARTITION BY g ORDER BY tm {self.one(FRAME, TIMES)})"
        query = f"SELECT {items} FROM {self.source()}{join}{windows}{self.rarely(' LIMIT 1', 0.1)}"
        return (
            query
            if self.chance.random() < 0.7
            else f"SELECT id, {self.one('c0', 'c0 + 1', 'q.c0', '*')} FROM ({query}) AS q"
        )


KINDS: dict[str, Callable[[Writer], str]] = {
    "constants": Writer.constants,
    "expressions": Writer.projection,
    "aggregates": Writer.plain_calls,
    "frames": Writer.plain_windows,
    "aggregates and frames": Writer.windowed,
    "shapes of OVER": Writer.shapes_of_over,
    "GROUP BY": Writer.grouped,
    "whole tables": Writer.over_all,
    "LIMIT, ORDER BY, DISTINCT": Writer.ends,
    "WHERE": Writer.filters,
    "joins": Writer.joins,
    "windows over joins": Writer.window_over_join,
    "window UNION": Writer.window_unions,
    "subqueries": Writer.subqueries,
    "UNION": Writer.unions,
    "names": Writer.names,
    "WITH": Writer.with_clauses,
    "mixed": Writer.mixed,
}
"""Each kind of query by its name."""


def questions(seed: int, count: int) -> Iterator[Question]:
    """So many different queries of each kind."""
    for kind, write in KINDS.items():
        writer = Writer(random.Random(f"{seed} {kind}"))
        seen: set[str] = set()
        for _ in range(count * 20):
            sql = write(writer)
            if sql not in seen:
                seen.add(sql)
                yield Question(kind, sql)
            if len(seen) == count:
                break
