"""Which indexes a deployed query needs.

In request mode a window, a LAST JOIN and a condition ``column = constant`` find their rows through an index of the
table that those columns come from (`dsflow.openmldb.bound.lookups`), so DEPLOY makes the indexes that are not there.
Which TTL they get, OpenMLDB decides in its ``ddl_parser.cc`` (``IndexMapBuilder``). This is the same reading, so that a
table can be created with them, and without the native compiler.

It keeps more rows than OpenMLDB would in these cases, where its TTL takes rows that the query still needs:

* LAST JOIN with a condition on other columns than its keys (``AND clicks.ts >= prices.ts``, or WHERE in a subquery), or
  in descending order: OpenMLDB keeps the newest row of a key, which may not be the one that fits.
* A window that counts rows after some were left out, by WHERE in its UNION, by EXCLUDE CURRENT_TIME or by a key that is
  no column: OpenMLDB keeps as many rows as the window counts, and some of them do not count.
* ``column = constant`` in WHERE: OpenMLDB keeps one row.

DEPLOY lengthens the TTL of an index that is there, and never shortens it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dsflow.openmldb.ttl import Ttl, ttl_of_frame

if TYPE_CHECKING:
    from dsflow.openmldb.bound import BoundQuery, Frame, Join, Lookup, Use

TableKey = tuple[str, str]
"""A table's database and name."""

_EVERYTHING = Ttl()
_NEWEST = Ttl("latest", latest=1)


@dataclass(frozen=True)
class IndexNeed:
    """An index that a query needs when it is deployed.

    Attributes:
        keys: its columns; what is read off a query without running it has them in alphabetical order, as DEPLOY does.
        ts: the column that orders the rows of a key, or None.
        ttl: which rows must be kept.
    """

    keys: tuple[str, ...]
    ts: str | None
    ttl: Ttl = _EVERYTHING

    @property
    def id(self) -> tuple[tuple[str, ...], str | None]:
        """What OpenMLDB knows an index by: its columns in alphabetical order, and its time."""
        return tuple(sorted(set(self.keys))), self.ts


def needed_indexes(query: BoundQuery) -> dict[TableKey, list[IndexNeed]]:
    """The indexes that a query needs in request mode, by table; parts that OpenMLDB would refuse need none."""
    found: dict[TableKey, list[IndexNeed]] = {}
    for lookup, ttl in _looked_up(query):
        if lookup.usable:
            keys = tuple(sorted({key for key in lookup.keys if key is not None}))
            kept = _kept(lookup, ttl)
            found.setdefault(lookup.scan.table, []).append(IndexNeed(keys, lookup.ts, kept))
    by_name = {table: merged(needs) for table, needs in found.items()}
    return {table: sorted(needs, key=lambda need: (need.keys, need.ts or "")) for table, needs in by_name.items()}


def merged(needs: Iterable[IndexNeed]) -> list[IndexNeed]:
    """One need for each index, with a TTL that serves all, in the order in which they come first."""
    found: dict[tuple[tuple[str, ...], str | None], IndexNeed] = {}
    for need in needs:
        before = found.get(need.id)
        if before is None:
            found[need.id] = replace(need, ttl=need.ttl.normalised())
        else:
            found[need.id] = replace(before, ttl=before.ttl.merge(need.ttl))
    return list(found.values())


def _looked_up(query: BoundQuery) -> Iterator[tuple[Lookup, Ttl]]:
    """All that a query looks up, with what OpenMLDB keeps of a key for it."""
    for select in query.selects:
        for join in select.joins:
            ttl = _NEWEST if _takes_newest(join) else _EVERYTHING
            yield from ((lookup, ttl) for lookup in join.lookups)
        yield from ((lookup, _EVERYTHING) for lookup in select.filters)
        for window in select.windows:
            for use in window.uses:
                ttl = _reach(use, window.frame)
                if window.has("exclude_current_time") and ttl.type != "absolute":
                    ttl = _EVERYTHING
                yield from ((lookup, ttl) for lookup in window.lookups)


def _takes_newest(join: Join) -> bool:
    return join.last and not (join.order is not None and join.order.args.get("desc"))


def _kept(lookup: Lookup, ttl: Ttl) -> Ttl:
    """The TTL of a lookup's index; where some of a key's rows do not count, all are kept."""
    fewer = lookup.filtered and ttl.type != "absolute"
    return _EVERYTHING if fewer or (lookup.ts is None and ttl.minutes) else ttl


def _reach(use: Use, frame: Frame | None) -> Ttl:
    """What a window keeps of each key for a call; ``lag(x, 3)`` looks three rows back, whatever the frame."""
    from dsflow.openmldb.bound import whole_number

    arguments = use.node.this.expressions
    if use.whole and use.function in ("lag", "at") and len(arguments) > 1:
        return ttl_of_frame(whole_number(arguments[1]), None, has_rows=True, has_range=False)
    if frame is None:
        return _EVERYTHING
    back = frame.start.back
    return ttl_of_frame(back, back, has_rows=frame.by_rows, has_range=not frame.by_rows)
