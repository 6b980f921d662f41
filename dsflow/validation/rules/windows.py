"""What a deployment keeps of a table's rows: indexes and their TTL."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dsflow.openmldb.sdk import IndexNeed
from dsflow.validation.model import KnownIndex, KnownTable, Model, Problem, Query, Statement
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.queries import unknown_tables

_UNITS = {"m": 1, "h": 60, "d": 1440}
_FOREVER = math.inf


@rule("DSF108", compiler=True)
def ttl_cuts_window(model: Model) -> Iterator[Problem]:
    """An index that forgets rows which a deployed window needs."""
    for query in model.queries:
        for table, need in needs(model, query):
            for number, index in enumerate(table.indexes):
                if (index.keys, index.ts) == (need.keys, need.ts) and not covers(index, need):
                    where = index.where or model.sources.argument_place(table.where, "indexes", str(number))
                    yield Problem(
                        f"the index of table {table.name!r} on {', '.join(index.keys)} keeps {_kept(index)},"
                        f" {query.owner} needs {_needed(need)}",
                        where,
                        f"declare {_ttl_for(need)}: DEPLOY lengthens the TTL, but rows from before it are gone",
                    )


@rule("DSF109", "warning", compiler=True)
def history_expires(model: Model) -> Iterator[Problem]:
    """A deployment that forgets loaded history."""
    from dsflow.openmldb import nodes

    loaded = {
        (s.tree.table.db or s.db, s.tree.table.name)
        for s in model.statements
        if isinstance(s.tree, nodes.LoadData) and s.mode == "online"
    }
    everything = IndexNeed((), None)
    for query in model.queries:
        for deploy in _deploys(model, query):
            if "range_bias" in deploy.tree.options:
                continue
            for table, need in needs(model, query):
                kept = any((i.keys, i.ts) == (need.keys, need.ts) and covers(i, everything) for i in table.indexes)
                if need.minutes and (table.db, table.name) in loaded and not kept:
                    yield Problem(
                        f"task {deploy.task.name!r} makes an index of {table.name!r} that keeps rows for"
                        f" {_duration(need.minutes)} by the server's clock: older rows that are loaded into the table"
                        " are dropped, and windows miss them",
                        deploy.task.where,
                        'give deploy(range_bias="inf") (OPTIONS(RANGE_BIAS="inf")), or a bias as old as the rows are',
                    )
                    break


@rule("DSF111", "warning", compiler=True)
def index_built_late(model: Model) -> Iterator[Problem]:
    """An index that is built over loaded rows."""
    from dsflow.openmldb import nodes

    fills = [
        s
        for s in model.statements
        if isinstance(s.tree, nodes.InsertRows) or (isinstance(s.tree, nodes.LoadData) and s.mode == "online")
    ]
    said = set()
    for query in model.queries:
        for deploy in _deploys(model, query):
            before = model.before.get(deploy.task.name, set())
            filled = {(s.tree.table.db or s.db, s.tree.table.name): s.task for s in fills if s.task.name in before}
            forever = str(deploy.tree.options.get("range_bias", "")).lower() == "inf"
            for key, missing in _missing(model, query).items():
                if key not in filled or (query.owner, key) in said:
                    continue
                said.add((query.owner, key))
                table, first = model.tables[key], missing[0]
                by = f" by {first.ts}" if first.ts else ""
                yield Problem(
                    f"table {table.name!r} is created without the index on {', '.join(first.keys)}{by} that"
                    f" {query.owner} needs: it is built when task {deploy.task.name!r} deploys, over the rows that task"
                    f" {filled[key].name!r} has loaded",
                    table.where,
                    "declare indexes=[" + ", ".join(_declared(need, forever=forever) for need in missing) + "]",
                )


def _missing(model: Model, query: Query) -> dict[tuple[str, str], list[IndexNeed]]:
    """The indexes that a deployed query needs and its tables are not declared with, by database and table."""
    found: dict[tuple[str, str], list[IndexNeed]] = {}
    for table, need in needs(model, query):
        if not any(index.keys == need.keys and need.ts in (index.ts, None) for index in table.indexes):
            found.setdefault((table.db, table.name), []).append(need)
    return found


def _declared(need: IndexNeed, *, forever: bool) -> str:
    """The declaration of an index as DEPLOY would make it."""
    keys = f'"{need.keys[0]}"' if len(need.keys) == 1 else "[" + ", ".join(f'"{key}"' for key in need.keys) + "]"
    parts = [keys, *([f'ts="{need.ts}"'] if need.ts else [])]
    if need.ts and not forever and _ttl_for(need) != "no ttl":
        parts.append(_ttl_for(need))
    return f"Index({', '.join(parts)})"


def needs(model: Model, query: Query) -> Iterator[tuple[KnownTable, IndexNeed]]:
    """The indexes that a deployed query needs, by table."""
    if "request" not in query.modes or model.compiler is None or query.failure is not None:
        return
    if not query.db or unknown_tables(model, query) or model.refusal(query, "request") is not None:
        return
    for name, listed in model.needed_indexes(query).items():
        table = model.tables.get((query.db, name))
        if table is not None:
            yield from ((table, need) for need in listed)


def _deploys(model: Model, query: Query) -> list[Statement]:
    from dsflow.openmldb import nodes

    if query.view is None:
        return [query.statement] if query.statement and isinstance(query.statement.tree, nodes.Deploy) else []
    return [s for s in model.statements if s.task.origin is query.view and isinstance(s.tree, nodes.Deploy)]


def covers(index: KnownIndex, need: IndexNeed) -> bool:
    """Whether an index keeps every row that is needed."""
    kept = _boxes(index.ttl_type, _minutes(index), _count(index))
    needed = _boxes(need.ttl_type, need.minutes or _FOREVER, need.rows or _FOREVER)
    return all(any(age <= oldest and rank <= last for oldest, last in kept) for age, rank in needed)


def _boxes(ttl_type: str, minutes: float, rows: float) -> list[tuple[float, float]]:
    """The rows within a TTL: those up to an age in minutes and a rank among a key's newest rows, or to another such."""
    by_time, by_rank = (minutes, _FOREVER), (_FOREVER, rows)
    return {
        "absolute": [by_time],
        "latest": [by_rank],
        "absorlat": [(minutes, rows)],
        "absandlat": [by_time, by_rank],  # a row is removed only when both say so
    }.get(ttl_type, [(_FOREVER, _FOREVER)])


def _minutes(index: KnownIndex) -> float:
    """The TTL's time part in minutes; for ever when there is none."""
    if index.ttl_type == "latest":
        return _FOREVER
    text = index.ttl[0] if index.ttl else "0"
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "m")
    return (int(number) * _UNITS.get(unit, 1) if number.isdigit() else 0) or _FOREVER


def _count(index: KnownIndex) -> float:
    """The TTL's number of rows; all when there is none."""
    if index.ttl_type == "absolute" or not index.ttl:
        return _FOREVER
    return (int(index.ttl[-1]) if index.ttl[-1].isdigit() else 0) or _FOREVER


def _kept(index: KnownIndex) -> str:
    time, rows = f"rows for {index.ttl[0]}", f"the last {index.ttl[-1]} rows of a key"
    if index.ttl_type in ("absolute", "latest"):
        return time if index.ttl_type == "absolute" else rows
    return f"{time} {'and' if index.ttl_type == 'absandlat' else 'of'} {rows}"


def _needed(need: IndexNeed) -> str:
    time = f"rows of the last {_duration(need.minutes)}" if need.minutes else "all rows"
    rows = f"the last {need.rows} rows of a key" if need.rows else "all rows"
    if need.ttl_type == "absolute":
        return time
    if need.ttl_type == "latest":
        return rows
    return f"{time} {'and' if need.ttl_type == 'absandlat' else 'of'} {rows}"


def _ttl_for(need: IndexNeed) -> str:
    if need.ttl_type == "absolute":
        return f'ttl="{need.minutes}m"' if need.minutes else "no ttl"
    if need.ttl_type == "latest":
        return f'ttl="{need.rows}", ttl_type="latest"' if need.rows else "no ttl"
    return f'ttl="({need.minutes}m, {need.rows})", ttl_type="{need.ttl_type}"'


def _duration(minutes: int) -> str:
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"
