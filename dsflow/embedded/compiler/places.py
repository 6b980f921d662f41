"""A row's place in a window as one number: its time, then its arrival.

A frame of times needs one, so that peers have an order and none of them is a peer of another. The number that holds
whatever a table may hold has 128 bits. What is known of the stored rows (`Facts`) often lets 64 do, which are sorted
faster; both give the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsflow.embedded.compiler.scope import Relation
from dsflow.embedded.compiler.types import ROW_BITS, ROW_COLUMN

# in the wide number the highest bit below the time's is a flag "not NULL"
_NOT_NULL = ROW_BITS >> 1
_NARROW_LIMIT = 1 << 63


@dataclass(frozen=True)
class RowPlace:
    """How a row's place is computed.

    Attributes:
        sql: the place, as DuckDB SQL.
        arrival: the part of it that is not the time.
        unit: what a millisecond is in it; above every arrival.
        type: its DuckDB type.
        time: the time, as DuckDB SQL; not NULL.
        first: no time that counts is before it.
        span: the most milliseconds between two rows; None when that is not known.
    """

    sql: str
    arrival: str
    unit: int
    type: str
    time: str
    first: int = 0
    span: int | None = None

    def back_to(self, milliseconds: int) -> str:
        """How far back the first row of the time so long before is."""
        return f"CAST({milliseconds * self.unit} AS {self.type}) + {self.arrival}"

    def back_until(self, milliseconds: int) -> str:
        """How far back the last row of the time so long before is; a time before 0 is 0."""
        if self.first > 0:
            return f"CAST({milliseconds * self.unit - self.unit + 1} AS {self.type}) + {self.arrival}"
        back = f"least({self.time}, CAST({milliseconds} AS BIGINT))"
        # of the rows of time 0 itself, those up to the row are inside
        return (
            f"CASE WHEN {self.time} <= 0 THEN CAST(0 AS {self.type})"
            f" ELSE CAST({back} AS {self.type}) * {self.unit} - {self.unit - 1} + {self.arrival} END"
        )


def wide_place(time: str, row: str) -> RowPlace:
    """The place of rows of which nothing is known; a NULL time is read as 0 and comes before the others of that time.

    Args:
        time: SQL of the time, a BIGINT.
        row: SQL of the arrival, at most 40 bits.
    """
    arrival = f"({row} + CASE WHEN {time} IS NULL THEN 0 ELSE {_NOT_NULL} END)"
    known = f"coalesce({time}, 0)"
    return RowPlace(f"CAST({known} AS HUGEINT) * {ROW_BITS} + {arrival}", arrival, ROW_BITS, "HUGEINT", known)


def narrow_place(relation: Relation, column: str, time: str) -> RowPlace | None:
    """The place in 64 bits; None when it may not fit, or a time may be NULL.

    Args:
        relation: the rows; those before 1970 are left out by whoever uses the place.
        column: SQL of the column that holds the time.
        time: SQL of the time, a BIGINT.
    """
    scan, origin = relation.scan, relation.origin(column)
    if scan is None or origin is None or (facts := scan.schema.facts) is None:
        return None
    times, rows = facts.bounds(origin), facts.bounds(ROW_COLUMN)
    if times is None or rows is None:
        return None
    first = max(times[0], 0)
    span = max(times[1] - first, 0)
    unit = 1 << (rows[1] - rows[0]).bit_length()
    if (span + 2) * unit > _NARROW_LIMIT:
        return None
    arrival = f"({relation.row} - {rows[0]})"
    return RowPlace(f"({time} - {first}) * {unit} + {arrival}", arrival, unit, "BIGINT", time, first, span)
