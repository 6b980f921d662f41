"""Deployments and procedures: queries in request mode under a name, compiled once and kept ready.

A request row meets the stored rows of its keys, gives one row, and is not stored.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from dsflow.embedded.catalog import CatalogState, Procedure, Table
from dsflow.embedded.compiler import Column, CompiledRequest, compile_request
from dsflow.embedded.compiler.parse import parse_query
from dsflow.embedded.errors import SqlError
from dsflow.embedded.keyrows import KeyRows
from dsflow.embedded.queryerrors import named_errors
from dsflow.embedded.quickrequests import QuickPlan, quick_plan
from dsflow.embedded.storage import Storage
from dsflow.embedded.views import RequestCatalog, table_with_needs
from dsflow.openmldb import nodes
from dsflow.openmldb.indexes import IndexNeed, TableKey, merged
from dsflow.openmldb.ttl import Bias
from dsflow.openmldb.types import ColumnType

if TYPE_CHECKING:
    import duckdb

    from dsflow.openmldb.nodes import Deploy


def deploy(storage: Storage, statement: Deploy, db: str) -> None:
    """Run a DEPLOY: compile the query, add the indexes that it needs, lengthen their TTL, store it.

    Raises:
        SqlError: the name is taken (and it does not say IF NOT EXISTS), or the query or an option is wrong.
    """
    state = storage.catalog.state
    state.database(db)
    if state.procedure(db, statement.name) is not None:
        if statement.exists:
            return
        raise SqlError(
            f"deployment {statement.name} already exists in database {db}",
            hint=f"DROP DEPLOYMENT {statement.name} first, or write DEPLOY IF NOT EXISTS",
        )
    bias, lengthen = _deploy_options(statement)
    compiled, catalog = _compile(state, statement.query_text, db)
    needs = {
        table: [replace(need, ttl=need.ttl.with_bias(bias)) for need in own] for table, own in _needed(compiled).items()
    }
    procedure = Procedure(
        db=db,
        name=statement.name,
        kind="deployment",
        text=_procedure_text(statement.name, compiled, statement.query_text),
        query=statement.query_text,
        inputs=compiled.request.columns,
        outputs=compiled.columns,
        tables=_tables(compiled, catalog),
        options={name: value for name, value in statement.options.items() if value is not None},
    )
    with storage.writing() as transaction:
        if transaction.state.procedure(db, statement.name) is not None:
            raise SqlError(f"deployment {statement.name} already exists in database {db}")
        for table, own in needs.items():
            before = transaction.state.table(*table)
            changed = table_with_needs(before, own, lengthen=lengthen)
            if changed != before:
                transaction.state = transaction.state.with_table(changed)
            transaction.look_up_by(changed, [need.keys[0] for need in own])
        transaction.state = transaction.state.with_procedure(procedure)


def _needed(compiled: CompiledRequest) -> dict[TableKey, list[IndexNeed]]:
    """The indexes that a query needs, by table."""
    found: dict[TableKey, list[IndexNeed]] = {}
    for table, need in compiled.needs:
        found.setdefault(table, []).append(need)
    return {table: merged(needs) for table, needs in found.items()}


def _compile(state: CatalogState, query: str, db: str) -> tuple[CompiledRequest, RequestCatalog]:
    catalog = RequestCatalog(state, db)
    return compile_request(query, catalog, db), catalog


def _tables(compiled: CompiledRequest, catalog: RequestCatalog) -> tuple[tuple[str, str], ...]:
    request = (compiled.request.db, compiled.request.name)
    return tuple(sorted({request, *catalog.tables}))


def request_table(state: CatalogState, procedure: Procedure) -> tuple[str, str]:
    """Database and name of the table whose rows a deployment is asked with: the first of its query."""
    compiled, _ = _compile(state, procedure.query, procedure.db)
    return compiled.request.db, compiled.request.name


def _deploy_options(statement: Deploy) -> tuple[Bias, bool]:
    known = {"range_bias", "rows_bias", "skip_index_check", "sync", "long_windows"}
    options = statement.options
    for name in options:
        if name not in known:
            raise SqlError(f"DEPLOY has no option {name!r}", hint=f"it knows {', '.join(sorted(known))}")
    if options.get("long_windows"):
        # results are the same with and without; the embedded engine does not aggregate beforehand
        if not isinstance(options["long_windows"], str):
            raise SqlError(f"option long_windows is {options['long_windows']!r}, but must be a string")
        _check_long_windows(options["long_windows"], statement.query)
    lengthen = str(options.get("skip_index_check", "false")).lower() != "true"
    try:
        return Bias.parse(options.get("range_bias", 0), options.get("rows_bias", 0)), lengthen
    except ValueError as error:
        raise SqlError(str(error)) from None


def _check_long_windows(text: str, query: exp.Expr) -> None:
    windows = {window.name for window in query.find_all(nodes.WindowDefinition) if window.name}
    for part in text.split(","):
        name = part.split(":")[0].strip()
        if name not in windows:
            raise SqlError(f"long_windows option does not match a window of the query: {name!r}")


def _procedure_text(name: str, compiled: CompiledRequest, query: str) -> str:
    columns = ", ".join(f"`{column.name}` {column.type}" for column in compiled.request.columns)
    return f"CREATE PROCEDURE {name} ({columns}) BEGIN {query.rstrip().rstrip(';')}; END;"


# ---- CREATE PROCEDURE, which the dialect does not parse

_CREATE_PROCEDURE = re.compile(
    r"\s*create\s+procedure\s+(?P<name>`[^`]+`|\w+)\s*\((?P<columns>[^)]*)\)\s*begin\s+(?P<query>.*?);?\s*end\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_DROP_PROCEDURE = re.compile(r"\s*drop\s+procedure\s+(?P<name>`[^`]+`|\w+)\s*;?\s*", re.IGNORECASE)


def run_procedure_statement(storage: Storage, sql: str, db: str | None) -> bool:
    """Run a CREATE PROCEDURE or DROP PROCEDURE; False when the text is something else.

    Raises:
        SqlError: it is wrong.
    """
    match = _CREATE_PROCEDURE.fullmatch(sql)
    if match is not None:
        _create_procedure(storage, match, sql, storage.catalog.state.database(db))
        return True
    match = _DROP_PROCEDURE.fullmatch(sql)
    if match is not None:
        drop(storage, storage.catalog.state.database(db), match["name"].strip("`"), "procedure")
        return True
    return False


def _create_procedure(storage: Storage, match: re.Match[str], sql: str, db: str) -> None:
    name = match["name"].strip("`")
    inputs, constants = [], []
    for part in match["columns"].split(","):
        words = part.split()
        if words and words[0].lower() == "const":
            words = words[1:]
            constants.append(words[0].strip("`") if words else "")
        if len(words) != 2:
            raise SqlError(f"CREATE PROCEDURE: {part.strip()!r} is no column: write name and type")
        try:
            inputs.append(Column(words[0].strip("`"), ColumnType.parse(words[1])))
        except ValueError as error:
            raise SqlError(f"CREATE PROCEDURE: {error}") from None
    query = match["query"].strip()
    state = storage.catalog.state
    compiled, catalog = _compile(state, query, db)
    wanted = [(column.name, column.type) for column in compiled.request.columns]
    if [(column.name, column.type) for column in inputs] != wanted:
        raise SqlError(
            f"the parameters of procedure {name} do not match table {compiled.request.name}:"
            f" {', '.join(f'{n} {t}' for n, t in wanted)}"
        )
    procedure = Procedure(
        db=db,
        name=name,
        kind="procedure",
        text=sql,
        query=query,
        inputs=compiled.request.columns,
        outputs=compiled.columns,
        constants=tuple(constants),
        constant_outputs=_constant_outputs(query, compiled, constants),
        tables=_tables(compiled, catalog),
    )
    with storage.writing() as transaction:
        if transaction.state.procedure(db, name) is not None:
            raise SqlError(f"procedure {name} already exists in database {db}")
        for key, needs in _needed(compiled).items():
            transaction.look_up_by(transaction.state.table(*key), [need.keys[0] for need in needs])
        transaction.state = transaction.state.with_procedure(procedure)


def _constant_outputs(query: str, compiled: CompiledRequest, constants: Sequence[str]) -> tuple[str, ...]:
    """The outputs that are computed from constant inputs alone; none when another table comes in."""
    tree = parse_query(query)
    if not constants or not isinstance(tree, exp.Select) or tree.args.get("joins") or tree.find(exp.Subquery):
        return ()
    if len(tree.selects) != len(compiled.columns):
        return ()
    found = []
    for column, item in zip(compiled.columns, tree.selects, strict=True):
        used = {part.name for part in item.find_all(exp.Column)}
        if used and used <= set(constants) and item.find(nodes.Over) is None:
            found.append(column.name)
    return tuple(found)


def drop(storage: Storage, db: str, name: str, kind: str, *, if_exists: bool = False) -> None:
    """Remove a deployment or a procedure.

    Raises:
        SqlError: there is none of that name, or it is of the other kind.
    """
    with storage.writing() as transaction:
        procedure = transaction.state.procedure(db, name)
        if procedure is None:
            if if_exists:
                return
            raise SqlError(f"{kind} not found: there is no {name} in database {db}")
        if procedure.kind != kind:
            raise SqlError(f"{name} in database {db} is not a {kind}, but a {procedure.kind}")
        transaction.state = transaction.state.without_procedure(db, name)


# ---- requests


@dataclass(frozen=True)
class Plan:
    """A deployment ready to answer.

    Attributes:
        procedure: the deployment or procedure.
        tables: its tables as they were when it was compiled.
        sql: DuckDB SQL with the request row's values as parameters.
        quick: what answers without that SQL, where the query is one of those.
    """

    procedure: Procedure
    tables: tuple[Table, ...]
    sql: str
    quick: QuickPlan | None = None


class Plans:
    """The compiled deployments, made anew when a deployment or one of its tables changed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._plans: dict[tuple[str, str], Plan] = {}
        self._parsed = threading.local()
        self._stored = KeyRows(storage)

    def get(self, db: str, name: str) -> Plan:
        """The plan of a deployment or procedure.

        Raises:
            SqlError: there is none of that name.
        """
        state = self._storage.catalog.state
        procedure = state.procedure(db, name)
        if procedure is None:
            raise SqlError(f"{name} does not exist in {db}")
        plan = self._plans.get((db, name))
        current = tuple(map(state.tables.get, procedure.tables))
        if plan is not None and plan.procedure is procedure and plan.tables == current:
            return plan
        with self._lock:
            tables = tuple(state.table(*table) for table in procedure.tables)
            compiled, _ = _compile(state, procedure.query, db)
            plan = Plan(procedure, tables, compiled.sql, quick_plan(procedure.query, state, db))
            self._plans[db, name] = plan
        return plan

    def of_query(self, query: str, db: str) -> Plan:
        """The plan of a SELECT that is no deployment.

        Raises:
            SqlError: it does not compile in request mode.
        """
        state = self._storage.catalog.state
        compiled, catalog = _compile(state, query, db)
        used = _tables(compiled, catalog)
        procedure = Procedure(
            db=db, name="the query", kind="deployment", text="", query=query, inputs=compiled.request.columns,
            outputs=compiled.columns, tables=used,
        )  # fmt: skip
        return Plan(procedure, tuple(state.table(*table) for table in used), compiled.sql)

    def warm_up(self) -> None:
        """Compile all deployments, and get this thread's connection ready for them."""
        connection = self._storage.connection()
        for procedure in self._storage.catalog.state.procedures.values():
            try:
                self._statement(connection, self.get(procedure.db, procedure.name))
            except SqlError:
                continue  # whoever asks this deployment is told; the others work

    def _statement(self, connection: duckdb.DuckDBPyConnection, plan: Plan) -> duckdb.Statement:
        """The plan's SQL parsed, once for each thread: parsing it takes longer than running it."""
        key = (plan.procedure.db, plan.procedure.name)
        parsed: dict[tuple[str, str], tuple[str, duckdb.Statement]] = self._parsed.__dict__.setdefault("by_name", {})
        known = parsed.get(key)
        if known is None or known[0] is not plan.sql:
            known = parsed[key] = (plan.sql, connection.extract_statements(plan.sql)[0])
        return known[1]

    def run(self, plan: Plan, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """One result row for each request row.

        Args:
            plan: from `get`.
            rows: stored values in the order of the request's columns.

        Raises:
            SqlError: the query fails on these values.
        """
        results = []
        for row in rows:
            with named_errors(plan.procedure.name):
                answer = plan.quick.answer(row, self._stored) if plan.quick is not None else None
            results.append(answer if answer is not None else self._run_statement(plan, row))
        return results

    def _run_statement(self, plan: Plan, row: Sequence[Any]) -> tuple[Any, ...]:
        connection = self._storage.connection()
        statement = self._statement(connection, plan)
        with named_errors(plan.procedure.name):
            found: list[tuple[Any, ...]] = connection.execute(statement, list(row)).fetchall()
        if len(found) != 1:
            raise SqlError(f"{plan.procedure.name}: the query gave {len(found)} rows for one request row")
        return found[0]
