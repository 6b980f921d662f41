"""From which stored tables the rows of a window or of a join come, and through which index of them they are read.

The source of a window and the right side of a join may be a table, a table with joins, or plain columns of those, under
any names; the right side of a join also a UNION of such. OpenMLDB follows the columns down to the left-most table
(`dsflow.openmldb.bound.lookups`) and reads that one through an index, whose TTL then counts. Columns that lead
elsewhere it refuses (its ``transform.cc``, ``OptimizeRequestJoinAsWindowProducer`` and ``ValidateIndexOptimization``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import replace

from dsflow.embedded.compiler.frames import column_of, partition_columns
from dsflow.embedded.compiler.joins import order_value
from dsflow.embedded.compiler.scope import Field, Position, Relation
from dsflow.embedded.compiler.types import ROW_BITS, ROW_COLUMN, TableSchema
from dsflow.embedded.compiler.values import quote
from dsflow.embedded.compiler.windows import Window
from dsflow.embedded.errors import SqlError, UnsupportedError
from dsflow.openmldb import nodes
from dsflow.openmldb.bound import Join, Lookup, Select
from dsflow.openmldb.indexes import IndexNeed
from dsflow.openmldb.ttl import Ttl, ttl_of_frame


def window_index(window: Window, select: Select, source: Relation, fields: tuple[Field, ...]) -> IndexNeed:
    """The index of the source's left-most table by which a window finds its rows, with the TTL that it needs.

    Args:
        window: the window.
        select: the SELECT whose window it is.
        source: the window's own source, or one of its UNION.
        fields: the source's columns as the window names them.

    Raises:
        SqlError: a column of PARTITION BY or ORDER BY is not one of that table's.
        UnsupportedError: the source is a UNION, has a LIMIT or GROUP BY, or a window inside another query.
    """
    where = nodes.position(window.partition[0])
    if len(source.scans) != 1:
        raise UnsupportedError(
            "a window in request mode over a query with UNION, LIMIT or GROUP BY, or with a window inside another",
            **where,
        )
    _check_plain(source, where)
    partition_columns(window, fields)
    if window.order is not None:
        column_of(window.order, fields, "ORDER BY")
    lookup = _lookup((lookup for w in select.windows if w.is_of(window.partition) for lookup in w.lookups), source, 0)
    parts = [*zip(window.partition, lookup.keys, strict=True)]
    parts += [(window.order, lookup.ts)] if window.order is not None else []
    for node, column in parts:
        if column is None:
            raise SqlError(
                "in request mode the rows of a window are found by columns of its left-most table, "
                f"and {node.sql(dialect='openmldb')} is none of them",
                hint="take a column of the table itself, neither computed nor from the right of a join",
                **nodes.position(node),
            )
    keys = tuple(key for key in lookup.keys if key is not None)
    # MAXSIZE is no matter of the TTL
    ttl = ttl_of_frame(window.start, window.start, has_rows=not window.by_time, has_range=window.by_time)
    return IndexNeed(keys, lookup.ts, ttl)


def join_indexes(join: Join, right: Relation) -> tuple[IndexNeed, ...]:
    """For each table below the right side of a join, the index by which the join finds its rows.

    Raises:
        SqlError: the condition compares no column of the table with ``=``, or ORDER BY is by another column.
    """
    where = nodes.position(join.node)
    _check_plain(right, where)
    if join.order is not None:
        order_value(join.order, right)
    ttl = Ttl("latest", latest=1) if join.last else Ttl()
    found = []
    for place in range(len(right.scans)):
        lookup = _lookup(join.lookups, right, place)
        keys = tuple(dict.fromkeys(key for key in lookup.keys if key is not None))
        if not keys:
            raise SqlError(
                "in request mode a join finds its rows by an index, and ON compares no column of the right side's "
                f"left-most table with =: {join.node.args['on'].sql(dialect='openmldb')}",
                hint="compare a column of the table itself, neither computed nor from a join inside",
                **where,
            )
        if lookup.ordered and lookup.ts is None:
            raise SqlError(
                "in request mode LAST JOIN is ordered by an index, and ORDER BY names no column of the right side's "
                "left-most table",
                **where,
            )
        found.append(IndexNeed(keys, lookup.ts, ttl))
    return tuple(found)


def _lookup(lookups: Iterable[Lookup], source: Relation, place: int) -> Lookup:
    """The lookup of the table of ``scans[place]``."""
    return next(lookup for lookup in lookups if lookup.scan is source.scans[place].place)


def _check_plain(source: Relation, where: Position) -> None:
    if source.computed:
        raise SqlError(
            "in request mode rows are found by an index, and OpenMLDB finds none below a query with computed columns",
            hint="take the columns as they are, or casts of them, and compute above",
            **where,
        )


def index_time(table: TableSchema, need: IndexNeed, *, exact: bool = False) -> str | None:
    """The time column of the stored index that a lookup reads through: the one with most of its keys.

    Args:
        table: the table.
        need: what the lookup goes by.
        exact: only an index with all of its keys will do.
    """
    keys = set(need.keys)
    usable = [known for known in table.indexes if set(known[0]) == keys or (not exact and set(known[0]) < keys)]
    return max(usable, key=lambda known: len(set(known[0])), default=((), None))[1]


def with_rows(relation: Relation, rows: Sequence[str], sources: MutableMapping[str, str]) -> Relation:
    """The same relation over other rows of its tables, a FROM clause's text for each.

    Args:
        relation: the relation; nothing else may read its tables under the same names.
        rows: the rows, for each of its ``scans``.
        sources: what the statement reads under which name.
    """
    if relation.windowed:
        (only,) = rows
        columns = f"{relation.alias}.* REPLACE (kept.{ROW_COLUMN} AS {ROW_COLUMN})"
        same = f"kept.{ROW_COLUMN} % {ROW_BITS} = {relation.row}"
        return replace(relation, sql=f"(SELECT {columns} FROM {relation.from_sql} JOIN {only} AS kept ON {same})")
    if [scan.alias for scan in relation.scans] == [relation.alias]:
        sources.pop(relation.scans[0].source, None)
        return replace(relation, sql=rows[0])
    for scan, text in zip(relation.scans, rows, strict=True):
        sources[scan.source] = text
    return relation


def narrow(relation: Relation, of_key: Callable[[str], str], sources: MutableMapping[str, str]) -> None:
    """Compute a query with a window for the rows of one key only: those of its table, and those that its frames see.

    Args:
        relation: the query; its frames must not hold rows of other keys.
        of_key: gives the rows of the key among such.
        sources: what the statement reads under which name.
    """
    (scan,) = relation.scans
    for name in (*relation.frames, scan.source):
        sources[name] = of_key(sources[name])


def by_time(rows: str, ts: str) -> str:
    """Rows whose place is by a time first, and for equal times by arrival; see `ROW_BITS`."""
    row = f"CAST(coalesce({quote(ts)}, 0) AS HUGEINT) * {ROW_BITS} + {ROW_COLUMN}"
    return f"(SELECT * REPLACE ({row} AS {ROW_COLUMN}) FROM {rows})"
