"""What a comparison of offline and online features found, as plain data, as text and as HTML."""

from __future__ import annotations

import html
import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsflow.openmldb.types import ColumnType

EXAMPLES = 3
"""Rows that a column's report shows."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """A row for which a column differs.

    Attributes:
        row: the request row, by column; a timestamp is milliseconds since 1970-01-01 UTC.
        offline, online: the two values.
    """

    row: Row
    offline: Any
    online: Any


@dataclass(frozen=True)
class Spread:
    """How a number is spread over the compared rows.

    Attributes:
        edges: the bins' upper ends, each once, deciles of the offline values; the last bin holds those above.
        offline, online: the shares of the rows that are in each bin; rows without a value are in none.
    """

    edges: tuple[float, ...]
    offline: tuple[float, ...]
    online: tuple[float, ...]


@dataclass(frozen=True)
class ColumnReport:
    """One feature.

    Attributes:
        equal, different: numbers of rows.
        max_difference: of the numbers that differ, the largest difference; None if none are numbers on both sides.
        examples: the first `EXAMPLES` rows that differ.
        spread: of a column of numbers: how both sides' values are spread; None for others.
    """

    name: str
    type: ColumnType
    equal: int
    different: int
    max_difference: float | None
    examples: tuple[Example, ...]
    spread: Spread | None = None


@dataclass(frozen=True)
class ConsistencyReport:
    """Offline and online features of the same rows.

    Attributes:
        rows: how many rows were compared.
        missing: how many of them had no answer offline.
        different: how many of them differ in some column, or are missing.
        tolerance: by what part floating-point numbers may differ and still be equal.
    """

    database: str
    table: str
    deployment: str
    rows: int
    missing: int
    different: int
    tolerance: float
    columns: tuple[ColumnReport, ...]

    @property
    def skew(self) -> float:
        """The share of rows whose features differ, from 0 to 1."""
        return self.different / self.rows

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return self.different == 0

    def to_dict(self) -> dict[str, Any]:
        """As plain data, fit for JSON."""
        return {
            "database": self.database,
            "table": self.table,
            "deployment": self.deployment,
            "rows": self.rows,
            "missing": self.missing,
            "different": self.different,
            "skew": self.skew,
            "tolerance": self.tolerance,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type.value,
                    "equal": column.equal,
                    "different": column.different,
                    "max_difference": _finite(column.max_difference),
                    "examples": [
                        {
                            "row": {name: _finite(value) for name, value in example.row.items()},
                            "offline": _finite(example.offline),
                            "online": _finite(example.online),
                        }
                        for example in column.examples
                    ],
                }
                for column in self.columns
            ],
        }

    def to_json(self) -> str:
        """As a JSON text; NaN and the infinities are texts in it."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def __str__(self) -> str:
        lines = [self._headline()]
        width = max((len(column.name) for column in self.columns), default=0)
        for column in self.columns:
            mark = "✗" if column.different else "✓"
            lines.append(f"{mark} {column.name:<{width}}  {_counts(column)}")
            lines += [f"    {_told(example)}" for example in column.examples]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'✗' if c.different else '✓'} {html.escape(c.name)}</td><td>{c.type}</td><td>{c.equal}</td>"
            f"<td>{c.different}</td><td>{'' if c.max_difference is None else f'{c.max_difference:g}'}</td>"
            f"<td>{'<br>'.join(html.escape(_told(example)) for example in c.examples)}</td></tr>"
            for c in self.columns
        )
        names = ("column", "type", "equal", "different", "largest difference", "examples")
        head = "".join(f"<th>{name}</th>" for name in names)
        return f"<p>{html.escape(self._headline())}</p><table><tr>{head}</tr>{rows}</table>"

    def _headline(self) -> str:
        missing = f", of which {self.missing} have no answer offline" if self.missing else ""
        return (
            f"{self.database}.{self.deployment} against the offline rows of {self.table}:"
            f" {self.different} of {self.rows} rows differ{missing} (skew {self.skew:.4f})"
        )


def compare(
    columns: Mapping[str, ColumnType],
    rows: Sequence[Row],
    offline: Sequence[Row | None],
    online: Sequence[Row],
    tolerance: float,
) -> tuple[tuple[ColumnReport, ...], int, int]:
    """Column by column, how far two answers to the same rows agree.

    Args:
        columns: the features and their types.
        rows: the request rows.
        offline, online: the answers to each of them; None offline where there is none.

    Returns:
        the columns, how many rows are missing, how many differ somewhere (missing ones included).
    """
    given = [(row, a, b) for row, a, b in zip(rows, offline, online, strict=True) if a is not None]
    missing = len(rows) - len(given)
    odd: set[int] = set()
    found = []
    for name, kind in columns.items():
        unequal = [n for n, (_, a, b) in enumerate(given) if not same(a[name], b[name], tolerance)]
        odd.update(unequal)
        sizes = [abs(a[name] - b[name]) for _, a, b in _taken(given, unequal) if _numbers(a[name], b[name])]
        examples = [Example(row, a[name], b[name]) for row, a, b in _taken(given, unequal[:EXAMPLES])]
        different = len(unequal)
        found.append(
            ColumnReport(
                name,
                kind,
                len(given) - different,
                different,
                float(max(sizes)) if sizes else None,
                tuple(examples),
                _spread([a[name] for _, a, _ in given], [b[name] for _, _, b in given]),
            )
        )
    return tuple(found), missing, missing + len(odd)


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two values are equal: NULL only to NULL, NaN to NaN, floating-point numbers within the tolerance."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


def _spread(offline: Sequence[Any], online: Sequence[Any]) -> Spread | None:
    known = sorted(value for value in offline if _numbers(value))
    if not known or not any(_numbers(value) for value in online):
        return None
    edges = sorted({known[len(known) * tenth // 10] for tenth in range(1, 10)})

    def shares(values: Sequence[Any]) -> tuple[float, ...]:
        bins = [bisect_left(edges, value) for value in values if _numbers(value)]
        return tuple(bins.count(number) / len(values) for number in range(len(edges) + 1))

    return Spread(tuple(map(float, edges)), shares(offline), shares(online))


def _taken(given: Sequence[Any], numbers: Iterable[int]) -> list[Any]:
    return [given[number] for number in numbers]


def _numbers(*values: Any) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values)


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _counts(column: ColumnReport) -> str:
    if not column.different:
        return f"{column.equal} equal"
    largest = "" if column.max_difference is None else f", by up to {column.max_difference:g}"
    return f"{column.different} of {column.equal + column.different} differ{largest}"


def _told(example: Example) -> str:
    row = json.dumps({name: _finite(value) for name, value in example.row.items()}, ensure_ascii=False)
    return f"offline {example.offline!r}, online {example.online!r} for {row}"
