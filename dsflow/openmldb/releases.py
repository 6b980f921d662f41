"""What OpenMLDB's releases take of SQL, where they differ.

Seen by asking each release's own compiler (the ``openmldb`` wheels 0.9.0 to 0.9.2, ``openmldb-jdbc`` with
``openmldb-native`` 0.9.3) about every function and aggregate with every type of argument, in request mode, each once
and each twice over one window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    from dsflow.openmldb.bound import Select

RELEASES = ("0.9.0", "0.9.1", "0.9.2", "0.9.3")
"""The releases that are known, oldest first."""

ASSUMED = "0.9.2"
"""The release of a cluster of which nothing is said."""

SINCE: Mapping[str, str] = {"array_join": "0.9.1", "isin": "0.9.1", "locate": "0.9.1"}
"""Function -> the first release that has it; the others are in all of them."""

REPEATED_REFUSED = "0.9.3"
"""The release that refuses a repeated aggregate (:func:`repeated`) by words about an "expr id node"."""

_REPEATED = frozenset(["count", "count_where", "avg_where"])
_COUNTED_ALONE = frozenset(
    [ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT, ColumnType.FLOAT, ColumnType.DOUBLE]
)


def has_function(name: str, release: str) -> bool:
    """Whether a release has a function of OpenMLDB's; the name's case does not matter."""
    return RELEASES.index(SINCE.get(name.lower(), RELEASES[0])) <= RELEASES.index(release)


def repeated(select: Select) -> Iterator[Any]:
    """The aggregates of one SELECT that :data:`REPEATED_REFUSED` refuses, each at its second place.

    That release takes ``count``, ``count_where`` and ``avg_where`` only once with the same arguments over the same
    named window. It does take a ``count`` of a column that is a number, the same call over another window, and one
    whose arguments are written otherwise (``t.i`` and ``i``).
    """
    from sqlglot import exp

    for window in select.windows:
        seen: set[str] = set()
        for use in window.uses:
            call = use.node.this
            if use.function not in _REPEATED or not isinstance(use.node.args["window"], exp.Identifier):
                continue
            first = call.expressions[0] if call.expressions else None
            column = select.input.found(first) if isinstance(first, exp.Column) else None
            if use.function == "count" and column is not None and column.type in _COUNTED_ALONE:
                continue
            key = f"{use.function}({', '.join(argument.sql() for argument in call.expressions)})"
            if key in seen:
                yield call
            seen.add(key)
