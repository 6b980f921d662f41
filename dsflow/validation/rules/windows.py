"""What a deployment keeps of a table's rows: indexes and their TTL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast, get_args

from dsflow.openmldb.indexes import IndexNeed, merged
from dsflow.openmldb.ttl import Ttl, TtlType, duration
from dsflow.validation.model import KnownIndex, KnownTable, Model, Problem, Query, Statement
from dsflow.validation.rules.base import rule
from dsflow.validation.rules.queries import unknown_tables

_UNITS = {"m": 1, "h": 60, "d": 1440}


@rule("DSF108", compiler=True)
def ttl_cuts_window(model: Model) -> Iterator[Problem]:
    """An index that forgets rows which a deployed window needs."""
    for query in model.queries:
        for table, need in needs(model, query):
            for number, index in enumerate(table.indexes):
                if (index.keys, index.ts) == need.id and not index.derived and not covers(index, need):
                    where = index.where or model.sources.argument_place(table.where, "indexes", str(number))
                    yield Problem(
                        f"the index of table {table.name!r} on {', '.join(index.keys)} keeps {_kept(index)},"
                        f" {query.owner} needs {_needed(need.ttl)}",
                        where,
                        f"declare {_ttl_for(need.ttl)}: DEPLOY lengthens the TTL, but rows from before it are gone",
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
    for query in model.queries:
        for deploy in _deploys(model, query):
            if "range_bias" in deploy.tree.options:
                continue
            for table, need in needs(model, query):
                kept = any((i.keys, i.ts) == need.id and kept_by(i).unlimited for i in table.indexes)
                if need.ttl.minutes and (table.db, table.name) in loaded and not kept:
                    yield Problem(
                        f"task {deploy.task.name!r} makes an index of {table.name!r} that keeps rows for"
                        f" {_duration(need.ttl.minutes)} by the server's clock: older rows that are loaded into the"
                        " table are dropped, and windows miss them",
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
                yield Problem(
                    f"table {table.name!r} is created without the index on {_columns(first)} that"
                    f" {query.owner} needs: it is built when task {deploy.task.name!r} deploys, over the rows that task"
                    f" {filled[key].name!r} has loaded",
                    table.where,
                    "declare indexes=[" + ", ".join(_declared(need, forever=forever) for need in missing) + "]",
                )


@rule("DSF112", "warning", compiler=True)
def derived_otherwise(model: Model) -> Iterator[Problem]:
    """An index that dsflow derives otherwise than OpenMLDB."""
    for table in model.tables.values():
        if table.created is None:
            continue
        asked = {query.owner: _needs_of(model, query, table) for query in model.queries if "request" in query.modes}
        for owner, needs_ in asked.items():
            for need in needs_ or ():
                index = next((i for i in table.indexes if (i.keys, i.ts) == need.id), None)
                if index is None or (index.derived and not covers(index, need)):
                    yield Problem(
                        f"task {table.created.name!r} makes {_short(table, index)}, but {owner} needs an index on"
                        f" {_columns(need)} that keeps {_needed(need.ttl)}, says OpenMLDB's compiler",
                        table.created.where,
                        f"declare indexes=[{_declared(need)}]",
                    )
        if None not in asked.values():
            wanted = {need.id for needs_ in asked.values() for need in needs_ or ()}
            for index in table.indexes:
                if index.derived and (index.keys, index.ts) not in wanted:
                    yield Problem(
                        f"task {table.created.name!r} makes {_short(table, index)}, which OpenMLDB's compiler does not"
                        " ask for",
                        table.created.where,
                        "it takes memory; create(derive_indexes=False) makes the declared indexes alone",
                    )


def _needs_of(model: Model, query: Query, table: KnownTable) -> list[IndexNeed] | None:
    """The indexes of a table that a query needs; None when OpenMLDB's compiler was not asked, or did not say."""
    if not _is_answered(model, query):
        return None
    return merged(need for other, need in needs(model, query) if (other.db, other.name) == (table.db, table.name))


def _short(table: KnownTable, index: KnownIndex | None) -> str:
    if index is None:
        return f"table {table.name!r} without it"
    by = f" by {index.ts}" if index.ts else ""
    kept = "every row" if kept_by(index).unlimited else _kept(index)
    return f"an index of table {table.name!r} on {', '.join(index.keys)}{by} that keeps {kept}"


def _columns(need: IndexNeed) -> str:
    return ", ".join(need.keys) + (f" by {need.ts}" if need.ts else "")


def _missing(model: Model, query: Query) -> dict[tuple[str, str], list[IndexNeed]]:
    """The indexes that a deployed query needs and its tables are not declared with, by database and table."""
    found: dict[tuple[str, str], list[IndexNeed]] = {}
    for table, need in needs(model, query):
        if not any((index.keys, index.ts) == need.id for index in table.indexes):
            found.setdefault((table.db, table.name), []).append(need)
    return found


def _declared(need: IndexNeed, *, forever: bool = False) -> str:
    """The declaration of an index as DEPLOY would make it."""
    keys = f'"{need.keys[0]}"' if len(need.keys) == 1 else "[" + ", ".join(f'"{key}"' for key in need.keys) + "]"
    parts = [keys, *([f'ts="{need.ts}"'] if need.ts else [])]
    if need.ts and not forever and not need.ttl.unlimited:
        parts.append(_ttl_for(need.ttl))
    return f"Index({', '.join(parts)})"


def needs(model: Model, query: Query) -> Iterator[tuple[KnownTable, IndexNeed]]:
    """The indexes that a deployed query needs, by table."""
    if not _is_answered(model, query):
        return
    for name, listed in model.needed_indexes(query).items():
        table = model.tables.get((query.db, name))
        if table is not None:
            yield from ((table, need) for need in listed)


def _is_answered(model: Model, query: Query) -> bool:
    """Whether OpenMLDB's compiler can be asked for a query's indexes."""
    if "request" not in query.modes or model.compiler is None or query.failure is not None:
        return False
    return bool(query.db) and not unknown_tables(model, query) and model.refusal(query, "request") is None


def _deploys(model: Model, query: Query) -> list[Statement]:
    from dsflow.openmldb import nodes

    if query.view is None:
        return [query.statement] if query.statement and isinstance(query.statement.tree, nodes.Deploy) else []
    return [s for s in model.statements if s.task.origin is query.view and isinstance(s.tree, nodes.Deploy)]


def covers(index: KnownIndex, need: IndexNeed) -> bool:
    """Whether an index keeps every row that is needed."""
    return kept_by(index).covers(need.ttl)


def kept_by(index: KnownIndex) -> Ttl:
    """The rows that an index keeps; one whose TTL cannot be read keeps everything."""
    if not index.ttl or index.ttl_type not in get_args(TtlType):
        return Ttl()
    minutes = 0 if index.ttl_type == "latest" else _minutes(index.ttl[0])
    rows = 0 if index.ttl_type == "absolute" or not index.ttl[-1].isdigit() else int(index.ttl[-1])
    return Ttl(cast(TtlType, index.ttl_type), minutes, rows)


def _minutes(text: str) -> int:
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "m")
    return int(number) * _UNITS.get(unit, 1) if number.isdigit() else 0


def _kept(index: KnownIndex) -> str:
    time, rows = f"rows for {index.ttl[0]}", f"the last {index.ttl[-1]} rows of a key"
    if index.ttl_type in ("absolute", "latest"):
        return time if index.ttl_type == "absolute" else rows
    return f"{time} {'and' if index.ttl_type == 'absandlat' else 'of'} {rows}"


def _needed(ttl: Ttl) -> str:
    time = f"rows of the last {_duration(ttl.minutes)}" if ttl.minutes else "all rows"
    rows = f"the last {ttl.latest} rows of a key" if ttl.latest else "all rows"
    if ttl.type in ("absolute", "latest"):
        return time if ttl.type == "absolute" else rows
    return f"{time} {'and' if ttl.type == 'absandlat' else 'of'} {rows}"


def _ttl_for(ttl: Ttl) -> str:
    if ttl.unlimited:
        return "no ttl"
    if ttl.type == "absolute":
        return f'ttl="{ttl.minutes}m"'
    if ttl.type == "latest":
        return f'ttl="{ttl.latest}", ttl_type="latest"'
    return f'ttl="({ttl.minutes}m, {ttl.latest})", ttl_type="{ttl.type}"'


def _duration(minutes: int) -> str:
    text = duration(minutes)
    return f"{text[:-1]} {'min' if text[-1] == 'm' else text[-1]}"
