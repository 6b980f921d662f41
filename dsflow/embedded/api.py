"""OpenMLDB's APIServer: what each request means, without any HTTP library.

All answers are HTTP 200 with ``code`` and ``msg``; paths, bodies and messages are OpenMLDB's. Additions, which a
client has to ask for: ``"dsflow": {"columns": true, "db": name or null}`` in the body of ``POST /dbs/{db}`` adds the
columns' names to the answer and says which database is the current one; with ``"request": [row, ...]`` the SELECT is
run in request mode for these rows, or, with ``"call": name``, a deployment or procedure is. ``GET
/dsflow/dbs/{db}/deployments/{name}/request`` names the table whose rows are requests; ``POST
/dsflow/contents`` tells by digests whether tables and deployments are what they were, ``GET /dsflow/progress`` how far
the running jobs are; ``POST /dsflow/fault`` makes jobs fail.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dsflow.embedded import restjson
from dsflow.embedded.catalog import Procedure, ProcedureKind, Table
from dsflow.embedded.compiler import Column
from dsflow.embedded.engine import DEFAULT_TIMEOUT_MS, Engine, Mode
from dsflow.embedded.errors import SqlError
from dsflow.embedded.restjson import JsonError, ValueRefused
from dsflow.errors import DsflowError
from dsflow.openmldb.types import ColumnType

SQL_ERROR = 2000
"""The SQL layer's code for a statement that it refuses (``kCmdError``)."""

Answer = dict[str, Any]
Params = Mapping[str, str]

_MODES: dict[str, tuple[Mode, bool]] = {
    "offsync": ("offline", True),
    "offasync": ("offline", False),
    "online": ("online", False),
    "onsync": ("online", True),
}

# the characters that the server's own pattern for a path allows
_PATH = re.compile(r"/|(/[a-zA-Z0-9\-_~!$&'()*+,;=:@]+)+/?")

_TYPE_NUMBERS = {
    ColumnType.BOOL: 0,
    ColumnType.SMALLINT: 1,
    ColumnType.INT: 2,
    ColumnType.BIGINT: 3,
    ColumnType.FLOAT: 4,
    ColumnType.DOUBLE: 5,
    ColumnType.STRING: 6,
    ColumnType.DATE: 7,
    ColumnType.TIMESTAMP: 8,
}

_QUERY_TYPES = {
    ColumnType.BOOL: "Bool",
    ColumnType.SMALLINT: "Int16",
    ColumnType.INT: "Int32",
    ColumnType.BIGINT: "Int64",
    ColumnType.FLOAT: "Float",
    ColumnType.DOUBLE: "Double",
    ColumnType.STRING: "String",
    ColumnType.DATE: "Date",
    ColumnType.TIMESTAMP: "Timestamp",
}

_DATA_TYPES = {
    ColumnType.BOOL: "kBool",
    ColumnType.SMALLINT: "kSmallInt",
    ColumnType.INT: "kInt",
    ColumnType.BIGINT: "kBigInt",
    ColumnType.FLOAT: "kFloat",
    ColumnType.DOUBLE: "kDouble",
    ColumnType.STRING: "kVarchar",
    ColumnType.DATE: "kDate",
    ColumnType.TIMESTAMP: "kTimestamp",
}


class Refused(Exception):
    """A request that is answered with a code and a message."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.answer: Answer = {"code": code, "msg": message}


class Api:
    """The routes of the APIServer over an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._routes: dict[str, list[tuple[tuple[str, ...], Callable[[Params, bytes], Answer]]]] = {
            "GET": [
                (("dbs",), self._get_databases),
                (("dbs", ":db", "tables"), self._get_tables),
                (("dbs", ":db", "tables", ":table"), self._get_table),
                (("dbs", ":db", "deployments", ":name"), lambda p, b: self._get_procedure(p, "deployment")),
                (("dbs", ":db", "procedures", ":name"), lambda p, b: self._get_procedure(p, "procedure")),
                (("dsflow", "dbs", ":db", "deployments", ":name", "request"), self._get_request_table),
                (("dsflow", "progress"), self._get_progress),
            ],
            "PUT": [(("dbs", ":db", "tables", ":table"), self._put)],
            "POST": [
                (("dbs", ":db"), self._query),
                (("dbs", ":db", "deployments", ":name"), lambda p, b: self._execute(p, b, "deployment")),
                (("dbs", ":db", "procedures", ":name"), lambda p, b: self._execute(p, b, "procedure")),
                (("refresh",), self._refresh),
                (("dsflow", "contents"), self._contents),
                (("dsflow", "fault"), self._fault),
            ],
        }

    def handle(self, method: str, path: str, body: bytes) -> bytes:
        """Answer one request.

        Args:
            method: ``GET``, ``PUT``, ``POST`` ...
            path: as sent, without the part after ``?``; not decoded.
            body: as sent.
        """
        try:
            answer = self._route(method, path)(body)
        except Refused as refused:
            answer = refused.answer
        except SqlError as error:
            answer = {"code": SQL_ERROR, "msg": str(error)}
        except DsflowError as error:
            answer = {"code": -1, "msg": str(error)}
        return restjson.dump(answer)

    def _route(self, method: str, path: str) -> Callable[[bytes], Answer]:
        path = re.sub("//+", "/", path)
        if not _PATH.fullmatch(path):
            raise Refused("invalid url")
        routes = self._routes.get(method)
        if routes is None:
            raise Refused("unsupported method")
        parts = tuple(path.split("/")[1:])
        for pattern, handler in routes:
            params = _match(pattern, parts)
            if params is not None:
                return functools.partial(handler, params)
        raise Refused("no match method")

    # ---- reading the catalog

    def _get_databases(self, params: Params, body: bytes) -> Answer:
        return {"code": 0, "msg": "ok", "dbs": self._engine.databases()}

    def _get_tables(self, params: Params, body: bytes) -> Answer:
        db = self._database(params)
        return {"code": 0, "msg": "ok", "tables": [_table(table) for table in self._engine.tables(db)]}

    def _get_table(self, params: Params, body: bytes) -> Answer:
        db = self._database(params)
        for table in self._engine.tables(db):
            if table.name == params["table"]:
                return {"code": 0, "msg": "ok", "table": _table(table)}
        raise Refused("Table not found")

    def _database(self, params: Params) -> str:
        if params["db"] not in self._engine.databases():
            raise Refused("DB not found")
        return params["db"]

    def _get_procedure(self, params: Params, kind: ProcedureKind) -> Answer:
        procedure = self._procedure(params)
        if procedure.kind != kind:
            raise Refused(f"{kind} not found")
        data = {
            "name": procedure.name,
            "procedure": procedure.text,
            "input_schema": restjson.schema(procedure.inputs),
            "input_common_cols": list(procedure.constants),
            "output_schema": restjson.schema(procedure.outputs),
            "output_common_cols": list(procedure.constant_outputs),
            "dbs": [db for db, _ in procedure.tables],
            "tables": [table for _, table in procedure.tables],
        }
        return {"code": 0, "msg": "ok", "data": data}

    def _get_request_table(self, params: Params, body: bytes) -> Answer:
        db, table = self._engine.request_table(params["db"], params["name"])
        return {"code": 0, "msg": "ok", "data": {"db": db, "table": table}}

    def _get_progress(self, params: Params, body: bytes) -> Answer:
        return {"code": 0, "msg": "ok", "data": [asdict(found) for found in self._engine.jobs.progress()]}

    def _procedure(self, params: Params) -> Procedure:
        try:
            return self._engine.procedure(params["db"], params["name"])
        except SqlError as error:
            raise Refused(error.message) from None

    # ---- PUT of a row

    def _put(self, params: Params, body: bytes) -> Answer:
        try:
            document = restjson.parse(body)
        except JsonError as error:
            raise Refused(f"Json parse failed, error code: {error.code}") from None
        if not isinstance(document, dict):
            # a document without members has no value to put: as good as an empty one
            raise Refused("Json parse failed, error code: 1")
        value = document.get("value")
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], list):
            raise Refused("Invalid value in body, only support to put one row")
        table = self._engine.table(params["db"], params["table"])
        given = value[0]
        if len(given) != len(table.columns):
            # the server first plans an INSERT with one mark for each value; only too few values fail there
            if len(given) < len(table.columns):
                raise Refused(f"get insert information failed: {len(given)} values for {len(table.columns)} columns")
            raise Refused("column size != schema size")
        for item, column in zip(given, table.columns, strict=True):
            if column.type is ColumnType.STRING and item is not None and not isinstance(item, str):
                raise Refused(f"value is not string for col {column.name}")
        row = []
        for item, column in zip(given, table.columns, strict=True):
            try:
                row.append(restjson.stored_value(item, column))
            except ValueRefused:
                number = _TYPE_NUMBERS[column.type]
                raise Refused(
                    f"conversion failed on col {column.name}[{number}] with value {restjson.shown(item)}"
                ) from None
        self._engine.insert(table.db, table.name, [row])
        return {"code": 0, "msg": "ok"}

    # ---- deployments and procedures

    def _execute(self, params: Params, body: bytes, kind: ProcedureKind) -> Answer:
        try:
            document = restjson.parse(body)
        except JsonError:
            raise Refused("Request body json parse failed") from None
        document = document if isinstance(document, dict) else {}
        common = document.get("common_cols", []) if kind == "procedure" else []
        if not isinstance(common, list):
            raise Refused("common_cols is not array")
        given = document.get("input")
        if not isinstance(given, list) or not given:
            raise Refused("Field input is invalid")
        nan_as_null = document.get("write_nan_and_inf_null") is True
        procedure = self._procedure(params)
        constants = procedure.constants if kind == "procedure" else ()
        if len(common) != len(constants):
            raise Refused("Invalid common cols size")
        rows = [_request_row(number, item, common, procedure, constants) for number, item in enumerate(given)]
        try:
            results = self._engine.request(procedure.db, procedure.name, rows)
        except SqlError as error:
            raise Refused(str(error)) from None
        return _execution(procedure, results, document, isinstance(given[0], dict), nan_as_null)

    # ---- statements

    def _query(self, params: Params, body: bytes) -> Answer:
        document = _query_document(body)
        mode, sync = _MODES[document["mode"].lower()]
        extra = document.get("dsflow")
        extra = extra if isinstance(extra, dict) else {}
        if "request" in extra:
            return self._query_request(document["sql"], extra, params)
        timeout = document.get("timeout", -1)
        nan_as_null = document.get("write_nan_and_inf_null", False)
        result = self._engine.execute(
            document["sql"],
            extra["db"] if "db" in extra else params["db"],
            mode=mode,
            sync=sync,
            timeout_ms=DEFAULT_TIMEOUT_MS if timeout == -1 else timeout,
            parameters=_parameters(document.get("input")),
        )
        answer: Answer = {"code": 0, "msg": "ok"}
        if result.has_rows:
            answer["data"] = {
                "schema": [_QUERY_TYPES[column.type] for column in result.columns],
                "data": [restjson.dump_row(row, nan_as_null) for row in result.rows],
            }
            if extra.get("columns"):
                answer["data"]["columns"] = [column.name for column in result.columns]
        if extra and result.job is not None:
            answer["job"] = {"id": result.job.id, "state": result.job.state, "error": result.job.error}
        return answer

    def _query_request(self, sql: str, extra: dict[str, Any], params: Params) -> Answer:
        """Request mode as the SDKs have it: for a SELECT without a name, or for a deployment or procedure."""
        db, name, given = extra["db"] if "db" in extra else params["db"], extra.get("call"), extra["request"]
        if not isinstance(given, list) or not given:
            raise Refused("please init request data")
        if name is None:
            procedure = self._engine.request_of(sql, db)
        else:
            procedure = self._engine.procedure(str(db or ""), str(name))
        rows = [_request_row(number, item, (), procedure, ()) for number, item in enumerate(given)]
        if name is None:
            found = self._engine.request_once(sql, db, rows)
        else:
            found = self._engine.request(procedure.db, procedure.name, rows)
        data = {
            "schema": [_QUERY_TYPES[column.type] for column in procedure.outputs],
            "data": [restjson.dump_row(row, False) for row in found],
            "columns": [column.name for column in procedure.outputs],
        }
        return {"code": 0, "msg": "ok", "data": data}

    def _refresh(self, params: Params, body: bytes) -> Answer:
        self._engine.warm_up()
        return {"code": 0, "msg": "ok"}

    def _contents(self, params: Params, body: bytes) -> Answer:
        try:
            document = restjson.parse(body)
        except JsonError as error:
            raise Refused(f"Json parse failed, error code: {error.code}") from None
        things = document.get("things") if isinstance(document, dict) else None
        if not isinstance(things, list):
            raise Refused("the body must be an object with things, a list of [kind, database, name]")
        return {"code": 0, "msg": "ok", "data": [self._engine.contents(*map(str, thing)) for thing in things]}

    def _fault(self, params: Params, body: bytes) -> Answer:
        try:
            document = restjson.parse(body)
        except JsonError as error:
            raise Refused(f"Json parse failed, error code: {error.code}") from None
        if not isinstance(document, dict) or not document.keys() <= {"job", "message", "times"}:
            raise Refused("the body must be an object with job (a regular expression), message and times")
        pattern, message, times = document.get("job"), document.get("message"), document.get("times")
        if pattern is None:
            self._engine.jobs.clear_faults()
            return {"code": 0, "msg": "ok"}
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise Refused(f"job is not a regular expression: {error}") from None
        if not isinstance(message, str | None) or not isinstance(times, int | None):
            raise Refused("message must be a string, times a number")
        self._engine.jobs.add_fault(pattern, message, times)
        return {"code": 0, "msg": "ok"}


def _match(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    """The values of the ``:name`` parts of a pattern, None when the path does not match it."""
    if len(pattern) != len(parts) or "" in parts:
        return None
    params = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted[0] == ":":
            params[wanted[1:]] = part
        elif wanted != part:
            return None
    return params


def _request_row(
    number: int, item: Any, common: Sequence[Any], procedure: Procedure, constants: Sequence[str]
) -> list[Any]:
    """The stored values of one request row."""
    if isinstance(item, list):
        if len(item) != len(procedure.inputs) - len(constants):
            raise Refused(f"Invalid input data size in row {number}")
        values = iter(item)
        start, missing = f"Translate to request row failed in array row {number}, ", None
        own = [None if c.name in constants else next(values) for c in procedure.inputs]
    elif isinstance(item, dict):
        start = f"Translate to request row failed in map row {number}, "
        missing = next((c.name for c in procedure.inputs if c.name not in constants and c.name not in item), None)
        own = [item.get(c.name) for c in procedure.inputs]
    else:
        raise Refused(f"Must be array or map, row {number}")
    if missing is not None:
        kind = next(c.type for c in procedure.inputs if c.name == missing)
        word = "can't find col" if kind is ColumnType.STRING else "can't find"
        raise Refused(f"{start}INVALID_ARGUMENT: {word} {missing}")
    shared = iter(common)
    row = []
    for column, value in zip(procedure.inputs, own, strict=True):
        constant = column.name in constants
        value = next(shared) if constant else value
        try:
            row.append(restjson.stored_value(value, column))
        except ValueRefused:
            what = "trans const failed on" if constant else "trans failed on"
            raise Refused(
                f"{start}INVALID_ARGUMENT: {what} {column.name}({_TYPE_NUMBERS[column.type]}): {restjson.shown(value)}"
            ) from None
    return row


def _execution(
    procedure: Procedure, results: Sequence[Sequence[Any]], document: dict[str, Any], as_map: bool, nan_as_null: bool
) -> Answer:
    constant = [column.name in procedure.constant_outputs for column in procedure.outputs]
    data: Answer = {}
    if document.get("need_schema") is True:
        data["schema"] = restjson.schema(procedure.outputs)
    kept = [n for n, is_constant in enumerate(constant) if not is_constant]
    rows = [restjson.dump_row(row, nan_as_null) for row in results]
    if as_map:
        data["data"] = [{procedure.outputs[n].name: row[n] for n in kept} for row in rows]
    else:
        data["data"] = [[row[n] for n in kept] for row in rows]
    if procedure.kind == "procedure":
        first = rows[0] if rows else []
        data["common_cols_data"] = [value for value, is_constant in zip(first, constant, strict=True) if is_constant]
    return {"code": 0, "msg": "ok", "data": data}


def _query_document(body: bytes) -> dict[str, Any]:
    start = "Json parse failed, INVALID_ARGUMENT: "
    try:
        document = restjson.parse(body)
    except JsonError:
        document = None
    if not isinstance(document, dict):
        raise Refused(start + "req is not object")
    if not isinstance(document.get("mode"), str):
        raise Refused(start + "mode parse failed")
    if not isinstance(document.get("sql"), str):
        raise Refused(start + "sql parse failed")
    if "timeout" in document and (not isinstance(document["timeout"], int) or isinstance(document["timeout"], bool)):
        raise Refused(start + "timeout parse failed")
    if "write_nan_and_inf_null" in document and not isinstance(document["write_nan_and_inf_null"], bool):
        raise Refused(start + "write_nan_and_inf_null parse failed")
    if document["mode"].lower() not in _MODES:
        raise Refused(f"Invalid mode {document['mode'].lower()}")
    return document


def _parameters(given: Any) -> list[tuple[ColumnType, Any]]:
    start = "Json parse failed, INVALID_ARGUMENT: "
    if given is None:
        return []
    if not isinstance(given, dict):
        raise Refused(start + "input is not object")
    if "schema" not in given or "data" not in given:
        return []
    words, values = given["schema"], given["data"]
    if not isinstance(words, list) or not isinstance(values, list):
        raise Refused(start + "schema parse failed")
    kinds = []
    for word in words:
        try:
            kinds.append(ColumnType.parse(str(word)))
        except ValueError:
            raise Refused(f"{start}invalid type {str(word).upper()}") from None
    if len(values) != len(kinds):
        raise Refused(f"{start}data size {len(values)} != schema size {len(kinds)}")
    parameters = []
    for number, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        try:
            parameters.append((kind, restjson.stored_value(value, Column("", kind))))
        except ValueRefused:
            raise Refused(f"{start}append failed on {number} type {kind}") from None
    return parameters


def _table(table: Table) -> Answer:
    def key(index: Any) -> Answer:
        entry: Answer = {"index_name": index.name, "col_name": list(index.keys)}
        if index.ts:
            entry["ts_name"] = index.ts
        ttl = index.ttl
        entry["flag"] = 0
        entry["ttl"] = {"ttl_type": ttl.type, "abs_ttl": ttl.minutes, "lat_ttl": ttl.latest}
        return entry

    partitions, replicas = table.options.get("partitionnum", 8), table.options.get("replicanum", 1)
    return {
        "name": table.name,
        "table_partition_size": partitions,
        "tid": table.tid,
        "partition_num": partitions,
        "replica_num": replicas,
        "compress_type": "nocompress",
        "column_desc": [
            {"name": column.name, "data_type": _DATA_TYPES[column.type], "not_null": not column.nullable}
            for column in table.columns
        ],
        "column_key": [key(index) for index in table.indexes],
        "added_column_desc": [],
        "db": table.db,
        "partition_key": [],
        "schema_versions": [],
    }
