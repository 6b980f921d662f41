"""Window frames in request mode: the stored rows of the request row's key, and the request row as the newest one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dsflow.embedded.compiler.aggregates import Aggregate, grouped, over_all, with_nested
from dsflow.embedded.compiler.expressions import Frame
from dsflow.embedded.compiler.frames import order_column, partition_columns
from dsflow.embedded.compiler.joins import bare_keys
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.values import STRING
from dsflow.embedded.compiler.windows import Reach, Window

_ORDER = "r.ts, r.known, r.main, r.seq"
_NEWEST = "ts DESC, known DESC, main DESC, seq DESC"
NO_TIME = 2**63 - 1
"""The time of a row whose ORDER BY column is NULL or negative, as the online engine takes it (its ``runner.cc``)."""


@dataclass
class RequestFrame(Frame):
    """The rows of a window's frame for the request row: stored rows, rows of UNION, and the request row itself.

    ``reach`` is what the engine gathers; the frame is looked for in that.
    """

    alias: str
    request: Relation
    window: Window
    reach: Reach
    sources: list[tuple[Relation, int]]
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.request.fields))

    def read(self, field: Field) -> None:
        self.used.add(field.sql)

    def add(self, call: Aggregate) -> str:
        return grouped(call, _ORDER, self.aggregates, self.alias)

    def nest(self, call: Aggregate) -> str:
        return over_all(call, _ORDER, "", self.nested)

    @property
    def sql(self) -> str:
        """The one row of aggregates."""
        if not self.aggregates:
            return f"(SELECT 1) AS {self.alias}"
        outputs = ", ".join(f"{sql} AS a{i}" for i, sql in enumerate(self.aggregates))
        return f"(SELECT {outputs} FROM {with_nested(self._rows(), self.nested)} AS r) AS {self.alias}"

    def _rows(self) -> str:
        """The frame's rows, with no more columns than the aggregates read."""
        window, request = self.window, self.request
        now = self._now()
        places = self._places(now)
        parts = [self._stored(source, rank, now, placed=bool(places)) for source, rank in self.sources]
        values = [f"{f.sql} AS f{i}" for i, f in self._used(request.fields)]
        # the newest of its time, whether that is known or not
        values += [f"{now} AS ts", "1 AS known", "2 AS main", "0 AS seq"]
        # a frame that ends before the row ends at 0 for the first times, and a row of that time is in it
        past = f" WHERE {now} = 0" if window.by_time and window.end > 0 and not places else ""
        parts.append(f"SELECT {', '.join([*values, 'true AS here'])}{past}")
        stacked = " UNION ALL ".join(parts)
        if not places:
            return f"({stacked})"
        # an index has its rows newest first; where DESC is asked for they are sorted, and the oldest are taken
        order = "here DESC, ts, known, main DESC, seq DESC" if window.descending else _NEWEST
        place = f"row_number() OVER (ORDER BY {order}) AS place"
        return f"(SELECT * FROM (SELECT *, {place} FROM ({stacked})) WHERE {' AND '.join(places)})"

    def _now(self) -> str:
        time = order_column(self.window, self.request.fields)
        return str(NO_TIME) if time.constant else f"CASE WHEN {time.sql} >= 0 THEN {time.sql} ELSE {NO_TIME} END"

    def _places(self, now: str) -> list[str]:
        """Conditions by the number of a row, and what only then can be looked at."""
        window, limit = self.window, self.reach.limit
        found = window.rows_by_place()
        if limit is not None:
            # a frame that ends before the row does not count it
            found.append(f"place <= {limit + (self.reach.end > 0)}")
        if window.drops_current_row:
            found.append("NOT here")
        if not found:
            return []
        if window.by_time and window.end > 0:
            found.append(f"ts <= greatest({now} - {window.end}, 0)")
        if window.by_time and window.start is not None:
            found.append(f"ts >= {now} - {window.start}")
        return found

    def _used(self, fields: tuple[Field, ...]) -> list[tuple[int, Field]]:
        return [(i, f) for i, f in enumerate(fields) if f"r.f{i}" in self.used]

    def _stored(self, source: Relation, rank: int, now: str, *, placed: bool) -> str:
        window = self.window
        as_main = tuple(replace(f, sql=other.sql) for f, other in zip(self.request.fields, source.fields, strict=True))
        keys = partition_columns(window, as_main)
        asked = partition_columns(window, self.request.fields)
        values = bare_keys([value.sql for value in asked], [value.type is STRING for value in asked])
        raw = order_column(window, as_main).sql
        time = f"coalesce({raw}, 0)"
        where = [f"{key.sql} IS NOT DISTINCT FROM {value}" for key, value in zip(keys, values, strict=True)]
        where += [f"{time} >= 0", *self._gathered(time, now, placed=placed)]
        columns = [f"{f.sql} AS f{i}" for i, f in self._used(source.fields)]
        known = f"CASE WHEN {raw} IS NULL THEN 0 ELSE 1 END AS known"
        columns += [f"{time} AS ts", known, f"{rank} AS main", f"{source.row} AS seq", "false AS here"]
        return f"SELECT {', '.join(columns)} FROM {source.from_sql} WHERE {' AND '.join(where)}"

    def _gathered(self, time: str, now: str, *, placed: bool) -> list[str]:
        """Conditions on a stored row's time; with ``placed`` they are those of the reach, else of the frame."""
        window = self.window
        reach = self.reach if placed else Reach.of(window)
        found = []
        if reach.end > 0:
            found.append(f"{time} <= greatest({now} - {reach.end}, 0)")
        elif window.exclude_current_time:
            found.append(f"({time} < {now} OR {now} = {NO_TIME})")
        else:
            found.append(f"{time} <= {now}")
        if reach.by_time and not reach.by_rows and reach.start is not None:
            found.append(f"{time} >= {now} - {reach.start}")
        return found
