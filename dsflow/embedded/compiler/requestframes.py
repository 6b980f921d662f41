"""Window frames in request mode: the stored rows of the request row's key, and the request row as the newest one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from dsflow.embedded.compiler.aggregates import Aggregate, over_all, with_nested
from dsflow.embedded.compiler.expressions import Frame
from dsflow.embedded.compiler.frames import order_column, partition_columns
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.windows import Window


@dataclass
class RequestFrame(Frame):
    """The rows of a window's frame for the request row: stored rows, rows of UNION, and the request row itself."""

    alias: str
    request: Relation
    window: Window
    sources: list[tuple[Relation, int]]
    matches: Relation | None = None
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.request.fields))

    def add(self, call: Aggregate) -> str:
        names = []
        for part in call.parts:
            sql = part.replace("{order}", " ORDER BY r.ts, r.known, r.main, r.seq")
            if sql not in self.aggregates:
                self.aggregates.append(sql)
            names.append(f"{self.alias}.a{self.aggregates.index(sql)}")
        return f"({call.result.format(*names)})"

    def nest(self, call: Aggregate) -> str:
        return over_all(call, "r.ts, r.known, r.main, r.seq", "", self.nested)

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
        time = order_column(window, request.fields).sql
        now = f"coalesce({time}, 0)"
        # of the rows that LEFT JOIN makes of the request row, OpenMLDB drops one
        places = window.places("place > 1" if self.matches else "NOT here")
        parts = [self._stored(source, rank, now, placed=bool(places)) for source, rank in self.sources]
        if window.end == 0 or not window.by_time:
            current = self.matches or request
            values = [f"{f.sql} AS f{i}" for i, f in self._used(current.fields)]
            # the newest of its time, whether that is known or not
            seq = self.matches.row if self.matches else "0"
            values += self._order([f"{now} AS ts", "1 AS known", "2 AS main", f"{seq} AS seq"], placed=bool(places))
            rows = f" FROM {self.matches.from_sql}" if self.matches else ""
            parts.append(f"SELECT {', '.join([*values, 'true AS here'])}{rows}")
        if not parts:
            width = "".join(f"NULL AS f{i}, " for i, _ in self._used(request.fields))
            return f"(SELECT {width}0 AS ts, 0 AS known, 0 AS main, 0 AS seq, false AS here WHERE false)"
        rows = " UNION ALL ".join(parts)
        if not places:
            return f"({rows})"
        place = "row_number() OVER (ORDER BY ts DESC, known DESC, main DESC, seq DESC) AS place"
        return f"(SELECT * FROM (SELECT *, {place} FROM ({rows})) WHERE {' AND '.join(places)})"

    def _used(self, fields: tuple[Field, ...]) -> list[tuple[int, Field]]:
        parts = (*self.aggregates, *self.nested)
        read = {int(place) for sql in parts for place in re.findall(r"\br\.f(\d+)\b", sql)}
        return [(i, f) for i, f in enumerate(fields) if i in read]

    def _order(self, columns: list[str], *, placed: bool) -> list[str]:
        return columns if placed or any("r.seq" in sql for sql in (*self.aggregates, *self.nested)) else []

    def _stored(self, source: Relation, rank: int, now: str, *, placed: bool) -> str:
        window = self.window
        as_main = tuple(replace(f, sql=other.sql) for f, other in zip(self.request.fields, source.fields, strict=True))
        keys = zip(partition_columns(window, as_main), partition_columns(window, self.request.fields), strict=True)
        raw = order_column(window, as_main).sql
        time = f"coalesce({raw}, 0)"
        where = [f"{key.sql} IS NOT DISTINCT FROM {value.sql}" for key, value in keys]
        if window.by_time and window.end > 0:
            where.append(f"{time} <= {now} - {window.end}")
        else:
            where.append(f"{time} {'<' if window.exclude_current_time else '<='} {now}")
        if window.by_time and window.start is not None:
            where.append(f"{time} >= {now} - {window.start}")
        columns = [f"{f.sql} AS f{i}" for i, f in self._used(source.fields)]
        known = f"CASE WHEN {raw} IS NULL THEN 0 ELSE 1 END AS known"
        columns += self._order([f"{time} AS ts", known, f"{rank} AS main", f"{source.row} AS seq"], placed=placed)
        columns.append("false AS here")
        return f"SELECT {', '.join(columns)} FROM {source.from_sql} WHERE {' AND '.join(where)}"
