"""Random tables and random feature queries, each query with the reference's way to compute it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from dsflow.embedded.compiler.functions import is_aggregate

from .reference import aggregates as agg
from .reference import containers, scalars
from .reference.scalars import Expression
from .reference.windows import Frame, LastJoin, Row, Window, last_joined, latest, matches, of_stored, offline, online

MAIN = {
    "id": "int", "k": "string", "g": "int", "ts": "timestamp", "sq": "bigint", "b": "bool", "h": "smallint", "i": "int",
    "l": "bigint", "f": "float", "d": "double", "s": "string", "dt": "date", "tm": "timestamp",
}  # fmt: skip
RIGHT = {
    "rid": "int", "rk": "string", "rg": "int", "rts": "timestamp", "rb": "bool", "rh": "smallint", "rv": "int",
    "rl": "bigint", "rf": "float", "rd": "double", "rs": "string", "rdt": "date",
}  # fmt: skip
UNIONS = ("u", "v")

# what SQL, templates, JSON and keys of several columns go by
_HOSTILE = ['{"a":{"b":1}}', "{order}", "{0}", "a|b", "%s $1", "-- /* ;"]
_FLOATS = [-2.5, 0.0, 0.5, 1.0, 1.5, 3.25, 100.0, 1e6]
_POOLS: dict[str, list[Any]] = {
    "bool": [True, False],
    "smallint": [-32768, 32767, -1, 0, 1, 2, 7],
    "int": [-(2**31), 2**31 - 1, -1, 0, 1, 2, 3, 1_600_000_000],
    # not the largest as well: how much of a small number is left between the two depends on the order of adding doubles
    "bigint": [-(2**63), -1, 0, 1, 2, 5, 10**12],
    "float": _FLOATS,
    "double": _FLOATS,
    "string": [
        "",
        "a",
        "b",
        "Ab",
        "hello",
        "x:1,y:2",
        "NULL",
        "12",
        " -3",
        "70000",
        "1.5",
        "no",
        "2020-05-22",
        *_HOSTILE,
    ],
    "date": [dt.date(1999, 12, 31), dt.date(2020, 2, 29), dt.date(2021, 1, 3), dt.date(2021, 12, 27)],
    "timestamp": [0, 1, 1_590_115_420_000, 1_609_430_400_123, 1_582_992_000_000],
}
_SPECIAL = [math.nan, math.inf, -math.inf]


@dataclass(frozen=True)
class Cell:
    """A column of SELECT: SQL, type, and its value for a row with the frame of its window (None: it has none)."""

    sql: str
    type: str
    window: str | None
    value: Callable[[Row, Frame | None], Any]


@dataclass(frozen=True)
class Right:
    """What stands on the right of a join: the table ``r``, or a query of it: of all rows, of some (``where``), with a
    window, or a LEFT JOIN of the table ``u`` (``matched``: its column ``ra`` is one of ``u``)."""

    sql: str = "r"
    columns: Mapping[str, str] = field(default_factory=lambda: RIGHT)
    window: Window | None = None
    value: Callable[[Frame], Any] | None = None
    where: Callable[[Row], bool | None] = lambda row: True
    matched: str | None = None

    def offline(self, rows: Sequence[Row]) -> list[Row]:
        if self.window is None:
            return [row for row in rows if self.where(row)]
        return [self._with(rows[place], frame) for place, frame in offline(self.window, rows, {})]

    def online(self, rows: Sequence[Row], left: Sequence[Row], others: Sequence[Row]) -> list[Row]:
        """The rows as they are stored; ``left`` are those that the TTL of the window's index has left, and ``others``
        those of ``u``, by age."""
        if self.window is not None:
            return [self._with(row, frame) for row, frame in zip(rows, of_stored(self.window, rows, left), strict=True)]
        rows = [row for row in rows if self.where(row)]
        if self.matched is None:
            return rows
        join = LastJoin((("rk", "k"),), None, lambda left, right: True, left=True)
        found = []
        for row in rows:
            pairs = matches(join, row, others, null_keys=True) or [dict.fromkeys(MAIN)]
            found += [{**row, "ra": pair[self.matched]} for pair in pairs]
        return found

    def _with(self, row: Row, frame: Frame | None) -> Row:
        assert self.value is not None
        return {**row, "ra": self.value(frame) if frame is not None else None}


@dataclass(frozen=True)
class Source:
    """Ways to say FROM t: ``before`` is a WITH, and ``wrapped`` puts the whole query into another one."""

    sql: str
    before: str = ""
    wrapped: bool = False


def _renamed(column: str) -> str:
    return ", ".join(column.format(name) for name in MAIN)


SOURCES = [
    Source("t"),
    Source("t"),
    Source("t", wrapped=True),
    Source("(SELECT * FROM t) AS t"),
    Source(f"(SELECT {', '.join(MAIN)} FROM (SELECT * FROM t) AS x) AS t", wrapped=True),
    Source(f"(SELECT {_renamed('{0}x AS {0}')} FROM (SELECT {_renamed('{0} AS {0}x')} FROM t) AS x) AS t"),
    Source("x AS t", before="WITH x AS (SELECT * FROM t) "),
]

UNION_SQL = [
    "{0}",
    "{0}",
    "(SELECT * FROM {0})",
    f"(SELECT {_renamed('{0}x AS {0}')} FROM (SELECT {_renamed('{0} AS {0}x')} FROM {{0}}) AS x)",
]
"""Ways to name a table in a window's UNION."""

COUNTED = "counted "
"""A UNION's table of this name has a window of its own: its column ``l`` is a count of the rows before."""

_COUNT = Window(("k",), "ts", counts_rows=True, start=2, end=0)
_COUNTED_SQL = (
    f"(SELECT {', '.join('count(*) OVER own AS l' if name == 'l' else name for name in MAIN)} FROM {{0}}"
    " WINDOW own AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW))"
)


def _counted(row: Row, frame: Frame | None) -> Row:
    return {**row, "l": len(frame.rows) if frame is not None else None}


@dataclass(frozen=True, repr=False)
class Example:
    """Tables and a query over them."""

    tables: Mapping[str, list[dict[str, Any]]]
    cells: Sequence[Cell]
    windows: Mapping[str, Window]
    window_sql: Mapping[str, str]
    join: LastJoin | None
    join_sql: str
    where: Expression | None
    right: Right
    source: Source = Source("t")

    @property
    def sql(self) -> str:
        items = ", ".join(f"{cell.sql} AS c{n}" for n, cell in enumerate(self.cells))
        where = f" WHERE {self.where.sql}" if self.where else ""
        used = {cell.window for cell in self.cells}
        windows = ", ".join(f"{name} AS ({sql})" for name, sql in self.window_sql.items() if name in used)
        clause = f" WINDOW {windows}" if windows else ""
        query = f"{self.source.before}SELECT {items} FROM {self.source.sql}{self.join_sql}{where}{clause}"
        if not self.source.wrapped:
            return query
        return f"SELECT {', '.join(f'c{n}' for n in range(len(self.cells)))} FROM ({query}) AS q"

    def __repr__(self) -> str:
        rows = [f"  {name}: {list(row.values())}" for name, rows in self.tables.items() for row in rows]
        return "\n".join([self.sql, *rows])

    @property
    def used(self) -> dict[str, Window]:
        """The windows that a column uses."""
        return {name: w for name, w in self.windows.items() if any(cell.window == name for cell in self.cells)}

    @property
    def has_nan(self) -> bool:
        """Whether a NaN is in the tables, or infinities, whose sum can be one."""
        return any(
            isinstance(v, float) and not math.isfinite(v) for t in self.tables.values() for r in t for v in r.values()
        )

    def may_refuse(self, text: str) -> bool:
        """Whether an error is the engine's way to name what it has no certain answer for."""
        known = ["median of bigint values beyond 2^62 is not supported"]
        known.append("| in one of several texts of a key is not supported online")
        known += ["of NaN is not supported"] if self.has_nan else []
        known += ["does not support add_months in an online query"] if len(self.cells) > 1 else []
        return any(refusal in text for refusal in known)

    @property
    def has_time_before_1970(self) -> bool:
        """Whether a window meets such a row; OpenMLDB's online storage takes none."""
        return any(
            (row[window.order] or 0) < 0
            for window in self.used.values()
            if window.order
            for name in ("t", *(name.removeprefix(COUNTED) for name in window.unions))
            for row in self.tables[name]
        ) or (self.right.window is not None and any((row["rts"] or 0) < 0 for row in self.tables["r"]))

    @property
    def has_several_orders(self) -> bool:
        """Whether its windows are by different times; which of them then drops a row from before 1970 for the others is
        not determined."""
        return len({window.order for window in self.used.values()}) > 1

    @property
    def in_order(self) -> bool:
        """Whether the rows arrive by time in each window's order, so that offline and online see the same."""
        for window in self.used.values():
            if window.order:
                times = [(row[window.order] or 0, row[window.order] is not None) for row in self.tables["t"]]
                if times != sorted(times):
                    return False
            if any(self.has_no_time(row) for row in self.tables["t"]):
                return False
        keys = [left for left, _ in self.join.keys] if self.join else []
        plain = self.right.window is None and self.online_only is None
        return plain and not any(row[key] is None for row in self.tables["t"] for key in keys)

    @property
    def gathered_at_once(self) -> bool:
        """Whether the online engine gathers rows for several windows together and MAXSIZE holds for all of them."""
        several = len(self.used) > 1 or any(call in cell.sql for cell in self.cells for call in ("lag(", "at("))
        return several and any(window.maxsize for window in self.used.values())

    def has_no_time(self, row: Row) -> bool:
        """Whether one of a request's windows cannot place it: it comes after all rows there."""
        return any(w.order is not None and (row[w.order] is None or row[w.order] < 0) for w in self.used.values())

    @property
    def online_only(self) -> str | None:
        """Why offline has no certain answer."""
        if self.join is not None and self.join.left:
            return "LEFT JOIN gives the request row and its newest match"
        return "LAST JOIN of LEFT JOIN takes any match" if self.right.matched else None

    def offline(self) -> list[tuple[Any, ...]]:
        """What batch mode gives, in the order of the rows."""
        right = self.right.offline(self.tables["r"])
        rows = [self._joined(row, right, null_keys=False) for row in self.tables["t"]]
        if self.where:
            rows = [row for row in rows if self.where.value(row)]
        unions: dict[str, Sequence[Row]] = {name: self.tables[name] for name in UNIONS}
        for name in UNIONS:
            own = self.tables[name]
            unions[COUNTED + name] = [_counted(own[place], frame) for place, frame in offline(_COUNT, own, {})]
        frames: dict[str | None, dict[int, Frame]] = {
            name: dict(offline(window, rows, unions)) for name, window in self.used.items()
        }
        present = [n for n in range(len(rows)) if all(n in found for found in frames.values())]
        frames[None] = {}
        return [tuple(c.value(rows[n], frames[c.window].get(n)) for c in self.cells) for n in present]

    def online(self, ttl: int | None = None) -> list[tuple[Any, ...]]:
        """What each row of the table gives as a request, stored afterwards.

        Args:
            ttl: how many rows the indexes by ``k`` and ``ts``, ``rk`` and ``rts`` keep for each key; None when there
                are no such indexes.
        """
        left = (lambda rows: latest(rows, "k", "ts", ttl)) if ttl is not None else list
        unions: dict[str, Sequence[Row]] = {name: left(self.tables[name]) for name in UNIONS}
        for name in UNIONS:
            frames_of = of_stored(_COUNT, unions[name], unions[name])
            unions[COUNTED + name] = list(map(_counted, unions[name], frames_of))
        right = self._right(ttl)
        answers: list[tuple[Any, ...]] = []
        for n, row in enumerate(self.tables["t"]):
            stored = [joined for one in left(self.tables["t"][:n]) for joined in self._all_joined(one, right)]
            request = self._all_joined(row, right)
            frames: dict[str | None, Frame] = {
                name: online(window, request, stored, unions) for name, window in self.used.items()
            }
            answers.append(tuple(cell.value(request[-1], frames.get(cell.window)) for cell in self.cells))
        return answers

    def _right(self, ttl: int | None) -> list[Row]:
        """The rows right of the join, those that the index of its keys has left, by that index's time."""
        rows, others = self.tables["r"], self.tables["u"]
        if ttl is None:
            return self.right.online(rows, rows, others)
        left = latest(rows, "rk", "rts", ttl)
        others = sorted(latest(others, "k", "ts", ttl), key=lambda row: row["ts"])
        if self.join is not None and self.join.keys == (("k", "rk"),):
            return self.right.online(sorted(left, key=lambda row: row["rts"]), left, others)
        return self.right.online(rows, left, others)

    def _all_joined(self, row: Row, right: Sequence[Row]) -> list[Row]:
        """What a join makes of a row, online."""
        if self.join is None or not self.join.left:
            return [self._joined(row, right, null_keys=True)]
        found = matches(self.join, row, right, null_keys=True) or [dict.fromkeys(self.right.columns)]
        return [{**row, **match} for match in found]

    def _joined(self, row: Row, right: Sequence[Row], *, null_keys: bool) -> Row:
        if self.join is None:
            return row
        found = last_joined(self.join, row, right, null_keys=null_keys)
        return {**row, **(found if found is not None else dict.fromkeys(self.right.columns))}


# ---- data


@st.composite
def tables(draw: st.DrawFn, storable: bool) -> dict[str, list[dict[str, Any]]]:
    """Rows with ties in time and NULLs; if not ``storable`` also what OpenMLDB takes offline only (times that are NULL
    or before 1970) and what no literal says (NaN, infinity)."""
    base = draw(st.sampled_from([0, 0, 1_600_000_000_000]))
    step = draw(st.sampled_from([1, 500, 1000]))
    lowest = draw(st.sampled_from([0, 0, 0, -2])) if base == 0 else 0
    nulls = draw(st.sampled_from([0, 0.1, 0.3]))
    special = not storable and draw(st.sampled_from([False, False, False, True]))
    lowest = 0 if storable else lowest

    def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        if not nulls:
            return strategy
        return st.integers(0, 99).flatmap(lambda n: st.none() if n < nulls * 100 else strategy)

    def pool(type_: str) -> st.SearchStrategy[Any]:
        values = _POOLS[type_] + (_SPECIAL if special and type_ in ("float", "double") else [])
        return maybe(st.sampled_from(values))

    time = st.integers(lowest, 7).map(lambda n: base + n * step)
    columns = {name: pool(type_) for name, type_ in MAIN.items()}
    columns["k"] = maybe(st.sampled_from(["a", "b", ""]))
    columns["g"] = maybe(st.sampled_from([0, 1]))
    columns["ts"] = maybe(time) if not storable and draw(st.booleans()) else time
    columns["sq"] = st.integers(lowest, 7)
    right = {name: pool(type_) for name, type_ in RIGHT.items()}
    right |= {"rk": columns["k"], "rg": columns["g"], "rts": time if storable else maybe(time)}

    def rows(of: dict[str, st.SearchStrategy[Any]], first: str, start: int, most: int) -> list[dict[str, Any]]:
        found = draw(st.lists(st.tuples(*of.values()), max_size=most))
        return [{**dict(zip(of, row, strict=True)), first: start + n} for n, row in enumerate(found)]

    main = rows(columns, "id", 1, 10)
    if draw(st.booleans()):
        # rows that arrive by time
        main.sort(key=lambda row: (row["ts"] or 0, row["ts"] is not None))
        main = [{**row, "id": 1 + n, "sq": n} for n, row in enumerate(main)]
    return {
        "t": main,
        "r": rows(right, "rid", 100, 6),
        **{name: rows(columns, "id", 1000 * (n + 2), 6) for n, name in enumerate(UNIONS)},
        "_": [{"step": step}],
    }


# ---- expressions


@dataclass(frozen=True)
class Columns:
    """The columns that a query may name."""

    by_type: Mapping[str, list[Expression]]

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, str]]) -> Columns:
        found: dict[str, list[Expression]] = {}
        for table, columns in tables.items():
            for name, type_ in columns.items():
                sql = f"{table}.{name}" if len(tables) > 1 else name
                found.setdefault(type_, []).append(Expression(sql, type_, _column(name)))
        return cls(found)

    def any(self, *types: str) -> st.SearchStrategy[Expression]:
        return st.sampled_from([column for type_ in types for column in self.by_type.get(type_, [])])


def _column(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _literal(sql: str, type_: str, value: Any) -> Expression:
    return Expression(sql, type_, lambda row: value)


INTEGER_LITERALS = [_literal(str(n), "int", n) for n in (0, 1, 2, 7)] + [_literal("3L", "bigint", 3)]
TEXT_LITERALS = [_literal(f"'{text}'", "string", text) for text in ("a", "b", "", "hello", *_HOSTILE)]
PART_LITERALS = [_literal(f"'{text}'", "string", text) for text in ("x:1,y:2,", ",a,,b", "k:v:1,z", "1:,2")]
NUMBERS = scalars.NUMBERS
WHOLE = st.sampled_from(["ceil", "floor"])
ALL = ("bool", *NUMBERS, "string", "date", "timestamp")


@st.composite
def integer(draw: st.DrawFn, columns: Columns, depth: int = 1) -> Expression:
    kind = draw(st.integers(0, 5 if depth else 1))
    if kind == 0:
        return draw(st.sampled_from(INTEGER_LITERALS))
    if kind in (2, 3):
        sign = draw(st.sampled_from(["+", "-", "*", "DIV", "%"]))
        return scalars.arithmetic(sign, draw(integer(columns, depth - 1)), draw(integer(columns, depth - 1)))
    if kind == 4:
        moment = draw(columns.any("timestamp", "date"))
        names = [n for n in scalars.PARTS if moment.type == "timestamp" or n not in scalars.CLOCK_PARTS]
        return scalars.part(draw(st.sampled_from(names)), moment)
    if kind == 5:
        return scalars.of_text("char_length", draw(columns.any("string")))
    return draw(columns.any(*scalars.INTEGERS))


@st.composite
def texts(draw: st.DrawFn, columns: Columns) -> Expression:
    column = draw(columns.any("string"))
    kind = draw(st.integers(0, 4))
    if kind == 1:
        return scalars.of_text(draw(st.sampled_from(["upper", "lcase", "reverse"])), column)
    if kind == 2:
        return scalars.substring(column, draw(st.integers(-3, 3)), draw(st.integers(0, 3)))
    if kind == 3:
        return scalars.concat(column, draw(st.sampled_from(TEXT_LITERALS) | columns.any("string")))
    if kind == 4:
        return scalars.either(column, draw(st.sampled_from(TEXT_LITERALS)))
    return column


@st.composite
def condition(draw: st.DrawFn, columns: Columns, depth: int = 1) -> Expression:
    kind = draw(st.integers(0, 7 if depth else 4))
    sign = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
    if kind == 0:
        return draw(columns.any("bool"))
    if kind == 1:
        return scalars.comparison(sign, draw(columns.any("string")), draw(st.sampled_from(TEXT_LITERALS)))
    if kind == 2:
        return scalars.is_null(draw(columns.any(*ALL)))
    if kind == 3:
        number = draw(columns.any("float", "double"))
        other = draw(columns.any(*NUMBERS) | st.just(_literal("1.5", "double", 1.5)))
        return scalars.comparison(sign, number, other)
    if kind == 5:
        word = draw(st.sampled_from(["AND", "OR"]))
        return scalars.logical(word, draw(condition(columns, 0)), draw(condition(columns, 0)))
    if kind == 6:
        return scalars.negation(draw(condition(columns, 0)))
    if kind == 7:
        value = draw(columns.any(*scalars.INTEGERS))
        if draw(st.booleans()):
            return scalars.among(value, tuple(INTEGER_LITERALS[: draw(st.integers(1, 3))]))
        return scalars.between(value, *(draw(st.sampled_from(INTEGER_LITERALS)) for _ in range(2)))
    return scalars.comparison(sign, draw(integer(columns, 0)), draw(integer(columns, 0)))


@st.composite
def contained(draw: st.DrawFn, columns: Columns) -> Expression:
    """Arrays, lists, maps and JSON on the way to a value."""
    kind = draw(st.integers(0, 6))
    text = columns.any("string")
    some = text | st.sampled_from([*TEXT_LITERALS, *PART_LITERALS])
    if kind == 0:
        column = draw(columns.any("int", "bigint", "string", "bool"))
        options = draw(st.lists(columns.any(column.type), min_size=1, max_size=3))
        return containers.among(draw(st.sampled_from(["isin", "array_contains"])), column, tuple(options))
    if kind == 1:
        return containers.split_and_joined(draw(some), draw(st.sampled_from([",", ":", "l", "1,"])), draw(text))
    if kind == 2:
        options = draw(st.lists(st.sampled_from(TEXT_LITERALS), min_size=1, max_size=2))
        return containers.combined(draw(text), draw(some), tuple(options))
    if kind == 3:
        keys, values = draw(st.sampled_from([("string", "int"), ("int", "string"), ("bool", "double")]))
        entries = draw(st.lists(st.tuples(columns.any(keys), columns.any(values)), min_size=1, max_size=3))
        return containers.looked_up(tuple(entries), draw(columns.any(keys)))
    if kind == 4:
        by = draw(st.sampled_from(["key", "value"]))
        return containers.without(draw(some), draw(st.sampled_from(["x", "1,b", "", "y,2"])), by=by)
    number = draw(columns.any(*scalars.INTEGERS))
    if kind == 5:
        return containers.length_of_json(number, draw(st.integers(1, 3)))
    return containers.from_json(number, draw(columns.any(*scalars.INTEGERS)), draw(st.integers(0, 2)))


@st.composite
def scalar(draw: st.DrawFn, columns: Columns) -> Expression:
    kind = draw(st.integers(0, 10))
    if kind == 0:
        return draw(columns.any(*ALL))
    if kind in (9, 10):
        return draw(contained(columns))
    if kind == 5:
        column = draw(columns.any(*ALL))
        return scalars.cast(column, draw(st.sampled_from(scalars.CASTS[column.type])))
    if kind == 6:
        number = draw(columns.any(*NUMBERS))
        return scalars.absolute(number) if draw(st.booleans()) else scalars.whole(draw(WHOLE), number)
    if kind == 7:
        if draw(st.booleans()):
            return scalars.last_day(draw(columns.any("date", "timestamp")))
        return scalars.add_months(draw(columns.any("date")), draw(st.integers(-14, 14)))
    if kind == 1:
        return draw(texts(columns))
    if kind == 2:
        return draw(condition(columns))
    if kind == 3:
        sign = draw(st.sampled_from(["+", "-", "*", "/", "%"]))
        return scalars.arithmetic(sign, draw(columns.any(*NUMBERS)), draw(columns.any(*NUMBERS) | integer(columns, 0)))
    if kind == 4:
        column = draw(columns.any(*ALL))
        other = draw(columns.any(column.type))
        return scalars.case(draw(condition(columns)), column, other)
    return draw(integer(columns))


# ---- aggregates


Call = tuple[str, str, Callable[[Frame], Any]]


@st.composite
def call(draw: st.DrawFn, columns: Columns) -> Call:
    """An aggregate's SQL, type, and value over a frame."""
    families = [_one_value, _one_value, _where, _by_category, _numbered, _positioned, _nested]
    return draw(draw(st.sampled_from(families))(columns))


_CONSTANT = re.compile(r"[0-9][0-9a-zA-Z.]*|'[^']*'|\"[^\"]*\"|true|false", re.IGNORECASE)
"""What OpenMLDB compiles no aggregate of."""


@st.composite
def _one_value(draw: st.DrawFn, columns: Columns) -> Call:
    name = draw(st.sampled_from(sorted(agg.ONE_VALUE)))
    types: tuple[str, ...] = ALL
    if name in ("min", "max"):
        types = (*NUMBERS, "string", "date", "timestamp")
    elif name == "sum":
        types = (*NUMBERS, "timestamp")
    elif name in ("avg", "median", "stddev", "stddev_pop", "var_samp", "var_pop", "drawdown"):
        types = NUMBERS
    elif name == "top1_ratio":
        types = tuple(t for t in ALL if t != "bool")
    value = draw(columns.any(*types))
    computed = name not in ("first_value", "last_value") and draw(st.sampled_from([False, False, False, True]))
    if computed and "int" in types:
        computing = integer(columns) | texts(columns) if "string" in types else integer(columns)
        value = draw(computing.filter(lambda found: not _CONSTANT.fullmatch(found.sql)))
    function, type_ = agg.ONE_VALUE[name], value.type
    result = {
        "count": "bigint", "distinct_count": "bigint", "avg": "double", "median": "double", "entropy": "double",
        "top1_ratio": "double", "drawdown": "double", "stddev": "double", "stddev_pop": "double",
        "var_samp": "double", "var_pop": "double",
    }.get(name, type_)  # fmt: skip
    if name == "count" and draw(st.booleans()):
        return "count(*)", "bigint", lambda frame: len(frame.rows)
    return f"{name}({value.sql})", result, lambda frame: function([value.value(r) for r in frame.rows], type_)


@st.composite
def _where(draw: st.DrawFn, columns: Columns) -> Call:
    name = draw(st.sampled_from(["count", "sum", "avg", "min", "max"]))
    value = draw(columns.any(*(ALL if name == "count" else NUMBERS)))
    when = draw(condition(columns))
    result = {"count": "bigint", "avg": "double"}.get(name, value.type)

    def compute(frame: Frame) -> Any:
        values = [value.value(r) for r in frame.rows]
        conditions = [when.value(r) for r in frame.rows]
        if name == "count":
            return agg.count_where(values, conditions)
        if name in ("min", "max"):
            return (agg.min_where if name == "min" else agg.max_where)(values, conditions)
        return agg.ONE_VALUE[name](agg.chosen(values, conditions), value.type)

    return f"{name}_where({value.sql}, {when.sql})", result, compute


@st.composite
def _nested(draw: st.DrawFn, columns: Columns) -> Call:
    """An aggregate of what another one over the same frame is a part of."""
    value, other = draw(columns.any(*scalars.INTEGERS)), draw(columns.any(*scalars.INTEGERS))
    name = draw(st.sampled_from(["count", "min", "max", "sum", "distinct_count", "first_value", "last_value"]))
    inner_type = "bigint" if "count" in name else other.type
    inner = Expression(f"{name}({other.sql})", inner_type, lambda row: row["inner"])
    mixed = scalars.arithmetic(draw(st.sampled_from(["+", "-", "*"])), value, inner)
    is_equal = scalars.comparison(draw(st.sampled_from(["=", "<", ">="])), value, inner)
    outer = draw(st.sampled_from(["sum", "max", "count", "count_where"]))

    def compute(frame: Frame) -> Any:
        found = agg.ONE_VALUE[name]([other.value(r) for r in frame.rows], other.type)
        rows = [{**r, "inner": found} for r in frame.rows]
        if outer == "count_where":
            return agg.count_where([value.value(r) for r in rows], [is_equal.value(r) for r in rows])
        return agg.ONE_VALUE[outer]([mixed.value(r) for r in rows], mixed.type)

    if outer == "count_where":
        return f"count_where({value.sql}, {is_equal.sql})", "bigint", compute
    return f"{outer}({mixed.sql})", "bigint" if outer == "count" else mixed.type, compute


@st.composite
def _by_category(draw: st.DrawFn, columns: Columns) -> Call:
    operation = draw(st.sampled_from(["count", "sum", "avg", "min", "max", "ratio"]))
    shape = draw(st.sampled_from(["top_n_key", "top_n_value"] + ([] if operation == "ratio" else ["", "where"])))
    value_types = ALL if operation in ("count", "ratio") else NUMBERS
    value = draw(columns.any(*value_types))
    key = draw(columns.any(*scalars.INTEGERS, "date", "timestamp", "string"))
    when = draw(condition(columns)) if shape else _literal("true", "bool", True)
    count = draw(st.integers(1, 3))
    value_type = {"count": "bigint", "avg": "double", "ratio": "double"}.get(operation, value.type)

    def compute(frame: Frame) -> str:
        entries = [(value.value(r), when.value(r), key.value(r)) for r in frame.rows]
        pairs = agg.by_category(operation, entries, value.type)
        if shape.startswith("top_n"):
            pairs = agg.top_n(pairs, count, by_value=shape == "top_n_value")
        return agg.category_text(pairs, key.type, value_type)

    if shape == "":
        return f"{operation}_cate({value.sql}, {key.sql})", "string", compute
    if shape == "where":
        return f"{operation}_cate_where({value.sql}, {when.sql}, {key.sql})", "string", compute
    suffix = "ratio_cate" if operation == "ratio" else f"{operation}_cate_where"
    return f"{shape}_{suffix}({value.sql}, {when.sql}, {key.sql}, {count})", "string", compute


@st.composite
def _numbered(draw: st.DrawFn, columns: Columns) -> Call:
    name = draw(st.sampled_from(["ew_avg", "topn_frequency", "top", "nth_value_where"]))
    if name == "ew_avg":
        value, alpha = draw(columns.any(*NUMBERS)), draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
        sql = f"ew_avg({value.sql}, {alpha})"
        return sql, "double", lambda frame: agg.ew_avg([value.value(r) for r in frame.rows], alpha)
    if name == "nth_value_where":
        value, when = draw(columns.any(*ALL)), draw(condition(columns))
        nth = draw(st.sampled_from([-3, -2, -1, 0, 1, 2, 3]))
        return (
            f"nth_value_where({value.sql}, {nth}, {when.sql})",
            value.type,
            lambda frame: agg.nth_value_where(
                [value.value(r) for r in frame.rows], [when.value(r) for r in frame.rows], nth
            ),
        )
    value = draw(columns.any(*NUMBERS, "string", "date", "timestamp"))
    count = draw(st.integers(1, 3))
    function = agg.topn_frequency if name == "topn_frequency" else agg.top
    sql = f"{name}({value.sql}, {count})"
    return sql, "string", lambda frame: function([value.value(r) for r in frame.rows], value.type, count)


@st.composite
def _positioned(draw: st.DrawFn, columns: Columns) -> Call:
    value = draw(columns.any(*ALL))
    if draw(st.booleans()):
        name, place = draw(st.sampled_from([("first_value", -1), ("last_value", 0)]))

        def edge(frame: Frame) -> Any:
            present = agg.kept([value.value(r) for r in frame.rows])
            return present[place] if present else None

        return f"{name}({value.sql}, true)", value.type, edge
    offset = draw(st.integers(0, 3))

    def back(frame: Frame) -> Any:
        return value.value(frame.rows[offset]) if offset < len(frame.rows) else None

    return f"{draw(st.sampled_from(['lag', 'at']))}({value.sql}, {offset})", value.type, back


def _alone(sql: str, compute: Callable[[Frame], Any]) -> Callable[[Frame], Any]:
    """The value of a call that is a whole column: then ``lag`` looks back past the frame."""
    if not sql.startswith(("lag(", "at(")):
        return compute
    return lambda frame: compute(Frame(frame.history, frame.history))


@st.composite
def window_cell(draw: st.DrawFn, columns: Columns, name: str) -> Cell:
    """An aggregate over a window, alone or inside an expression."""
    sql, type_, compute = draw(call(columns))
    over = f"{sql} OVER {name}"
    if draw(st.sampled_from([False, False, False, True])):
        other = draw(columns.any(type_))
        if type_ in scalars.INTEGERS:
            inner = Expression(over, type_, lambda pair: compute(pair[1]))  # type: ignore[index]
            outer = Expression(other.sql, other.type, lambda pair: other.value(pair[0]))  # type: ignore[index]
            both = scalars.arithmetic(draw(st.sampled_from(["+", "-", "*"])), inner, outer)
            return Cell(both.sql, both.type, name, lambda row, frame: both.value((row, frame)))  # type: ignore[arg-type]

        def chosen(row: Row, frame: Frame | None) -> Any:
            assert frame is not None
            found = compute(frame)
            return other.value(row) if found is None else found

        return Cell(f"ifnull({over}, {other.sql})", type_, name, chosen)
    compute = _alone(sql, compute)

    def value(row: Row, frame: Frame | None) -> Any:
        assert frame is not None
        return compute(frame)

    return Cell(over, type_, name, value)


# ---- windows and joins


@st.composite
def windows(
    draw: st.DrawFn, scale: int, joined: bool, one_index: bool, united: bool = True, sized: bool = True
) -> tuple[Window, str]:
    """A window and the SQL between its parentheses; ``sized``: perhaps with MAXSIZE."""
    prefix = "t." if joined else ""
    partition = draw(st.sampled_from([("k",)] if one_index else [("k",), ("g",), ("k", "g")]))
    order = draw(st.sampled_from(["ts"] if one_index else ["ts", "ts", "ts", "sq"]))
    unit = 1 if order == "sq" else scale
    counts_rows = draw(st.booleans())
    word = draw(st.sampled_from(["plain", "plain", "exclude row", "exclude time"]))
    start_number, end_number = draw(st.none() | st.integers(0, 6)), draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
    start_open, end_open = draw(st.sampled_from([0, 0, 0, 1])), draw(st.sampled_from([0, 0, 0, 1]))
    size = 1 if counts_rows else unit
    end = end_number * size + end_open
    start = None if start_number is None else start_number * size - start_open
    if start is not None and start < max(end, 0):
        start, start_number, start_open = None, None, 0
    maxsize = 0 if counts_rows or not sized else draw(st.sampled_from([0, 0, 0, 1, 2, 4]))
    unions: tuple[str, ...] = ()
    if not joined and united:
        unions = draw(st.sampled_from([(), (), ("u",), ("u", "v")]))
    if unions and draw(st.sampled_from([False, False, True])):
        unions = (COUNTED + unions[0], *unions[1:])
    union_sql = ", ".join(
        _COUNTED_SQL.format(name.removeprefix(COUNTED))
        if name.startswith(COUNTED)
        else draw(st.sampled_from(UNION_SQL)).format(name)
        for name in unions
    )
    instance = bool(unions) and draw(st.booleans())

    def bound(number: int, is_open: int) -> str:
        text = f"{number // 1000 if size == 1000 else number * size}"
        if size == 1000:
            text = f"{number}s"
        return f"{text}{' OPEN' if is_open else ''} PRECEDING"

    first = "UNBOUNDED PRECEDING" if start_number is None else bound(start_number, start_open)
    last = "CURRENT ROW" if end == 0 else bound(end_number, end_open)
    parts = [
        f"UNION {union_sql}" if unions else "",
        f"PARTITION BY {', '.join(prefix + name for name in partition)} ORDER BY {prefix}{order}",
        f"{'ROWS' if counts_rows else 'ROWS_RANGE'} BETWEEN {first} AND {last}",
        f"MAXSIZE {maxsize}" if maxsize else "",
        {"plain": "", "exclude row": "EXCLUDE CURRENT_ROW", "exclude time": "EXCLUDE CURRENT_TIME"}[word],
        "INSTANCE_NOT_IN_WINDOW" if instance else "",
    ]
    window = Window(
        partition,
        order,
        counts_rows,
        start,
        end,
        maxsize,
        word == "exclude row",
        word == "exclude time",
        instance,
        unions,
    )
    return window, " ".join(part for part in parts if part)


@st.composite
def rights(draw: st.DrawFn, scale: int) -> Right:
    """The table, or a query of it with a window; rows with a time before 1970 are dropped there, so it has none."""
    kind = draw(st.sampled_from(["table", "subquery", "where", "left join", "window", "window"]))
    if kind == "table":
        return Right()
    if kind == "subquery":
        inner = ", ".join(f"{name} AS {name}x" for name in RIGHT)
        outer = ", ".join(f"{name}x AS {name}" for name in RIGHT)
        return Right(
            draw(st.sampled_from(["(SELECT * FROM r) AS r", f"(SELECT {outer} FROM (SELECT {inner} FROM r)) AS r"]))
        )
    if kind == "where":
        return Right("(SELECT * FROM r WHERE rv > 0) AS r", where=lambda row: _ordered(1, row["rv"]))
    if kind == "left join":
        name = draw(st.sampled_from(["id", "s", "ts"]))
        query = f"(SELECT {', '.join(RIGHT)}, u.{name} AS ra FROM r LEFT JOIN u ON r.rk = u.k) AS r"
        return Right(query, {**RIGHT, "ra": MAIN[name]}, matched=name)
    window, sql = draw(windows(scale, False, True, united=False))
    window = replace(window, partition=("rk",), order="rts")
    sql = sql.replace("PARTITION BY k ORDER BY ts", "PARTITION BY rk ORDER BY rts")
    call_sql, type_, compute = draw(call(Columns.of({"r": RIGHT})))
    query = f"(SELECT *, {call_sql} OVER wr AS ra FROM r WINDOW wr AS ({sql})) AS r"
    return Right(query, {**RIGHT, "ra": type_}, window, _alone(call_sql, compute))


@st.composite
def last_joins(draw: st.DrawFn, right: Right) -> tuple[LastJoin, str]:
    choices = [(("k", "rk"),), (("g", "rg"),), (("k", "rk"), ("g", "rg"))]
    keys = draw(st.sampled_from(choices))
    left = not right.matched and draw(st.sampled_from([False, False, False, True]))
    order = draw(st.sampled_from([None, "rts", "rts"]))
    more = draw(st.sampled_from([None, None, "before", "value"]))
    conditions: dict[str | None, tuple[str, Callable[[Row, Row], bool | None]]] = {
        None: ("", lambda left, right: True),
        "before": (" AND r.rts <= t.ts", lambda left, right: _ordered(right["rts"], left["ts"])),
        "value": (" AND r.rv > 0", lambda left, right: _ordered(1, right["rv"])),
    }
    sql, test = conditions[more]
    on = " AND ".join(f"t.{a} = r.{b}" for a, b in keys) + sql
    if left:
        return LastJoin(keys, None, test, left=True), f" LEFT JOIN {right.sql} ON {on}"
    ordered = f" ORDER BY r.{order}" if order else ""
    return LastJoin(keys, order, test), f" LAST JOIN {right.sql}{ordered} ON {on}"


def _ordered(a: int | None, b: int | None) -> bool | None:
    return None if a is None or b is None else a <= b


# ---- all together


@st.composite
def examples(draw: st.DrawFn, *, storable: bool = False, one_index: bool = False) -> Example:
    """Tables, and a query with windows or a join or both, perhaps with WHERE.

    Args:
        storable: the rows can be stored online, and the query be deployed.
        one_index: all windows are by ``k`` and ``ts``.
    """
    found = draw(tables(storable))
    step = found.pop("_")[0]["step"]
    joined = draw(st.sampled_from([False, False, True]))
    # a bound is written as a number of milliseconds or with a unit
    scale = 1000 if step > 1 else 1
    right = draw(rights(scale)) if joined else Right()
    join, join_sql = draw(last_joins(right)) if joined else (None, "")
    columns = Columns.of({"t": MAIN, "r": right.columns} if joined else {"t": MAIN})
    many = join is not None and join.left
    least = 0 if joined and not many else 1
    pairs = {
        f"w{n}": draw(windows(scale, joined, one_index, sized=not many)) for n in range(draw(st.integers(least, 3)))
    }
    cells = [_identity("t.id" if joined else "id")]
    for _ in range(draw(st.integers(1, 4))):
        if pairs and draw(st.sampled_from([True, True, True, True, False])):
            cells.append(draw(window_cell(columns, draw(st.sampled_from(sorted(pairs))))))
        else:
            expression = draw(scalar(columns))
            cells.append(Cell(expression.sql, expression.type, None, _of_row(expression)))
    if many:
        # without a window, LEFT JOIN of a request row is no row
        cells.append(draw(window_cell(columns, "w0")))
    # neither is deployed: an aggregate of nothing but literals, a plain column beside LEFT JOIN
    assume(not any(of_constants(cell.sql) for cell in cells) and not (storable and many))
    where = (
        draw(condition(columns)) if not storable and not many and draw(st.sampled_from([False] * 9 + [True])) else None
    )
    example = Example(
        found,
        cells,
        {name: window for name, (window, _) in pairs.items()},
        {name: sql for name, (_, sql) in pairs.items()},
        join,
        join_sql,
        where,
        right,
        # online, a table must be on the left of a join with a window over it
        draw(st.sampled_from([source for source in SOURCES if source.sql == "t" or not joined])),
    )
    assume(not (storable and example.gathered_at_once))
    return example


_LITERAL = r"(?:-?[0-9][0-9.]*[LlFf]?|'[^']*'|true|false)"
_OF_LITERALS = re.compile(rf"\b(\w+)\({_LITERAL}(?:, {_LITERAL})*\)")


def of_constants(sql: str) -> bool:
    """Whether an aggregate has no argument but literals."""
    return any(is_aggregate(name) for name in _OF_LITERALS.findall(sql))


def _identity(sql: str) -> Cell:
    # computed, so that no query is a list of bare columns
    return Cell(f"{sql} + 0", "int", None, lambda row, frame: row["id"])


def _of_row(expression: Expression) -> Callable[[Row, Frame | None], Any]:
    return lambda row, frame: expression.value(row)


@st.composite
def projections(draw: st.DrawFn) -> Example:
    """Tables, and a query of nothing but expressions over single rows."""
    found = draw(tables(False))
    found.pop("_")
    columns = Columns.of({"t": MAIN})
    expressions = draw(st.lists(scalar(columns), min_size=6, max_size=12))
    cells = [_identity("id"), *(Cell(e.sql, e.type, None, _of_row(e)) for e in expressions)]
    return Example(found, cells, {}, {}, None, "", None, Right())


@dataclass(frozen=True)
class Groups:
    """Rows, a query of them with GROUP BY, and what it gives: for each key its aggregates."""

    rows: list[dict[str, Any]]
    sql: str
    types: list[str]
    answers: list[tuple[Any, ...]]

    def __repr__(self) -> str:
        return "\n".join([self.sql, *(f"  {list(row.values())}" for row in self.rows)])


@st.composite
def groups(draw: st.DrawFn) -> Groups:
    """A query with GROUP BY, of aggregates that do not look at the order of the rows."""
    columns = Columns.of({"t": MAIN})
    rows = draw(tables(True))["t"]
    keys = draw(st.sampled_from([("k",), ("g",), ("k", "g"), ("b",), ("dt",)]))
    families = st.sampled_from([_one_value, _where, _by_category])
    ordered = ("first_value(", "last_value(", "drawdown(")
    calls = [draw(draw(families)(columns).filter(lambda c: not c[0].startswith(ordered))) for _ in range(3)]
    assume(not any(of_constants(call[0]) for call in calls))
    where = draw(condition(columns)) if draw(st.booleans()) else None
    kept = [row for row in rows if where is None or where.value(row)]
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in kept:
        found.setdefault(tuple(row[key] for key in keys), []).insert(0, row)
    answers = [(*key, *(c[2](Frame(tuple(of), ())) for c in calls)) for key, of in found.items()]
    items = ", ".join([*keys, *(f"{c[0]} AS c{n}" for n, c in enumerate(calls))])
    condition_sql = f" WHERE {where.sql}" if where else ""
    sql = f"SELECT {items} FROM t{condition_sql} GROUP BY {', '.join(keys)}"
    return Groups(rows, sql, [*(MAIN[key] for key in keys), *(c[1] for c in calls)], answers)
