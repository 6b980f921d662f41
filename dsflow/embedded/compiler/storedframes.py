"""Window frames of stored rows as the online engine builds them: those below a join or a UNION of a request's query.

For each row the engine gathers rows and looks for the frame in them (its ``runner.cc``, ``RequestUnionWindow``; its
``expr_ir_builder.cc``, ``BuildWindow``), as it does for a request row. But the row itself is not added: it is stored
already and comes with the others, and the newest of what was gathered stands for it. So the end of a frame that ends
before the row is taken away twice, and where nothing was gathered all aggregates are NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dsflow.embedded.compiler.aggregates import Aggregate, grouped, over_all, with_nested
from dsflow.embedded.compiler.expressions import Frame
from dsflow.embedded.compiler.frames import BatchWindows, Joined, check_union, partition_columns, stacked_rows
from dsflow.embedded.compiler.joins import bare_keys
from dsflow.embedded.compiler.requestframes import NO_TIME
from dsflow.embedded.compiler.scope import Field, Relation
from dsflow.embedded.compiler.values import STRING, Value
from dsflow.embedded.compiler.windows import Reach, Window

_ORDER = "r.place DESC"


@dataclass
class StoredFrame(Frame):
    """See the module's text.

    ``live`` are the rows of the table that an index has not dropped, where that counts.
    """

    alias: str
    relation: Relation
    window: Window
    reach: Reach
    unions: list[Relation]
    live: str | None = None
    aggregates: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(replace(f, sql=f"r.f{i}") for i, f in enumerate(self.relation.fields))

    def read(self, field: Field) -> None:
        """It has all columns."""

    def add(self, call: Aggregate) -> str:
        return grouped(call, _ORDER, self.aggregates, self.alias)

    def nest(self, call: Aggregate) -> str:
        return over_all(call, _ORDER, "PARTITION BY r.rid", self.nested)

    @property
    def gathered(self) -> str:
        """Whether there was any row for it."""
        return f"{self.alias}.rid IS NOT NULL"

    def join(self, row: str) -> str:
        """The LEFT JOIN that brings the aggregates to a row whose number is ``row``."""
        computed = "".join(f", {sql} AS a{i}" for i, sql in enumerate(self.aggregates))
        given = "".join(f", answers.a{i} AS a{i}" for i in range(len(self.aggregates)))
        inside = " AND ".join(self._inside()) or "true"
        rows = with_nested(f"(SELECT * FROM gathered WHERE {inside})", self.nested)
        return (
            f"LEFT JOIN (WITH gathered AS {self._gathered()},"
            f" answers AS (SELECT r.rid AS rid{computed} FROM {rows} AS r GROUP BY r.rid)"
            f" SELECT known_rows.rid AS rid{given} FROM (SELECT DISTINCT rid FROM gathered) AS known_rows"
            f" LEFT JOIN answers ON answers.rid = known_rows.rid) AS {self.alias} ON {self.alias}.rid = {row}"
        )

    def _gathered(self) -> str:
        width = range(len(self.relation.fields))
        texts = [value.type is STRING for value in partition_columns(self.window, self.relation.fields)]
        asked = bare_keys([f"b.k{i}" for i in range(len(texts))], texts)
        same = " AND ".join(f"r.k{i} IS NOT DISTINCT FROM {value}" for i, value in enumerate(asked))
        itself = "r.ord = b.ord" if self.window.instance_not_in_window else "false"
        conditions = self._conditions()
        time = f"CASE WHEN {itself} AND b.known = 0 THEN {NO_TIME} ELSE r.ts END"
        columns = ", ".join([*(f"r.f{i} AS f{i}" for i in width), f"{time} AS ts", "b.ts AS base", "b.known AS known"])
        place = f"row_number() OVER (PARTITION BY b.rid ORDER BY {itself} DESC, r.ord DESC) AS place"
        pairs = (
            f"(SELECT {columns}, b.rid AS rid, {place} FROM rows_of_window AS b JOIN rows_of_window AS r ON {same}"
            f" WHERE b.main = 1 AND ({itself} OR ({' AND '.join(conditions) or 'true'})))"
        )
        kept = " AND ".join(self._places()) or "true"
        rows = stacked_rows(self.relation, self.unions, self.window, self.live)
        return (
            f"(WITH rows_of_window AS {rows}"
            f" SELECT *, max(ts) OVER (PARTITION BY rid) AS now FROM {pairs} WHERE {kept})"
        )

    def _conditions(self) -> list[str]:
        """What tells the rows that are gathered for ``b``, but for their number."""
        window, reach = self.window, self.reach
        found = []
        # a row without a time is taken for one of a window without ORDER BY
        if reach.end > 0:
            found.append(f"(b.known = 0 OR r.ts <= greatest(b.ts - {reach.end}, 0))")
        elif window.exclude_current_time:
            found.append("(b.known = 0 OR r.ts < b.ts)")
        else:
            found.append("(b.known = 0 OR r.ts <= b.ts)")
        if reach.by_time and not reach.by_rows and reach.start is not None:
            found.append(f"(b.known = 0 OR r.ts >= b.ts - {reach.start})")
        if window.instance_not_in_window:
            found.append("r.main < 1")
        elif self.live:
            found.append("r.live")
        return found

    def _places(self) -> list[str]:
        reach, found = self.reach, []
        if reach.by_rows and reach.rows is not None:
            here = f"place <= {reach.rows + 1}"
            in_time = f"known = 0 OR ts >= base - {reach.start}" if reach.start is not None else "true"
            found.append(f"({here} OR {in_time})" if reach.by_time else here)
        if reach.limit is not None:
            uncounted = self.window.instance_not_in_window and reach.end > 0
            found.append(f"place <= {reach.limit + uncounted}")
        return found

    def _inside(self) -> list[str]:
        """What tells the frame's rows among those that were gathered."""
        window = self.window
        found = window.rows_by_place()
        if window.drops_current_row:
            found.append("place > 1")
        elif window.by_time:
            found.append(f"ts <= greatest(now - {window.end}, 0)")
        if window.by_time and window.start is not None:
            found.append(f"ts >= now - {window.start}")
        return found


@dataclass
class StoredWindows(BatchWindows):
    """The windows of one SELECT over stored rows in request mode.

    ``gathers`` is what the engine gathers for each window; ``live`` gives what `StoredFrame` has of that name.
    """

    gathers: dict[str, Reach] = field(default_factory=dict)
    live: Callable[[Window], str | None] = lambda window: None
    stored: dict[str, StoredFrame] = field(default_factory=dict)
    touched: list[StoredFrame] = field(default_factory=list)

    def begin(self, item: exp.Expr) -> None:
        super().begin(item)
        self.touched = []

    def finished(self, value: Value) -> Value:
        if not self.touched:
            return value
        gathered = " AND ".join(dict.fromkeys(frame.gathered for frame in self.touched))
        return replace(value, sql=f"CASE WHEN {gathered} THEN {value.sql} END", literal=None, is_literal=False)

    @property
    def joined(self) -> Sequence[Joined]:
        return tuple(self.stored.values())

    def _frame(self, window: Window, call: exp.Expr) -> Frame:
        key = window.key()
        if key not in self.stored:
            unions = [self.union_relation(window, node) for node in window.union]
            for node, other in zip(window.union, unions, strict=True):
                check_union(self.relation.fields, other.fields, node)
            live = None if window.instance_not_in_window else self.live(window)
            reach = self.gathers.get(key) or Reach.of(window)
            self.stored[key] = StoredFrame(self.names("w"), self.relation, window, reach, unions, live)
        self.touched.append(self.stored[key])
        return self.stored[key]
