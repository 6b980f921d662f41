"""Statements that are no queries: options, modes, and whether a step may run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dsflow.declare.encoding import DOLLAR, decode, encode, show_marks, unencodable
from dsflow.declare.features import FeatureView
from dsflow.declare.table import Table
from dsflow.errors import DeclarationError, did_you_mean
from dsflow.openmldb.types import ColumnType
from dsflow.validation.model import Model, Problem, Statement
from dsflow.validation.rules.base import rule

_Accepts = Callable[[Any], str]
"""From an option's value to what it should have been; '' when it is fine."""


def _one_of(*words: str) -> _Accepts:
    return lambda v: "" if isinstance(v, str) and v.lower() in words else "one of " + ", ".join(words)


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false (no quotes)"


def _flag_text(value: Any) -> str:
    return "" if str(value).lower() in ("true", "false") else "'true' or 'false'"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "a text in quotes"


def _char(value: Any) -> str:
    return "" if isinstance(value, str) and len(value) <= 1 else "one character, or ''"


def _number(least: int, most: int) -> _Accepts:
    def accepts(value: Any) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return "" if good else f"a whole number from {least} to {most}"

    return accepts


def _range_bias(value: Any) -> str:
    text = str(value).lower()
    good = text == "inf" or text.isdigit() or (text[:-1].isdigit() and text[-1] in "smhd")
    return "" if good else "'inf', milliseconds, or a time such as 20s, 3m, 1h, 30d"


def _rows_bias(value: Any) -> str:
    return "" if str(value).lower() == "inf" or str(value).isdigit() else "'inf' or a number of rows"


_CSV: dict[str, _Accepts] = {"delimiter": _text, "header": _flag, "null_value": _text, "quote": _char}
_MODES = ("append", "overwrite", "error_if_exists")
_FORMATS = ("csv", "parquet", "hive", "iceberg", "tidb", "openmldb")
_LOAD: dict[str, _Accepts] = _CSV | {
    "format": _one_of(*_FORMATS),
    "mode": _one_of(*_MODES),
    "deep_copy": _flag,
    "load_mode": _one_of("cluster", "local"),
    "thread": _number(1, 50),
    "writer_type": _one_of("single", "batch"),
    "put_if_absent": _flag,
    "sql": _text,
    "skip_cvt": _flag,
}
_INTO: dict[str, _Accepts] = _CSV | {
    "format": _one_of(*_FORMATS),
    "mode": _one_of(*_MODES),
    "coalesce": _number(0, 1_000_000),
    "sql": _text,
    "create_if_not_exists": _flag,
}
_DEPLOY: dict[str, _Accepts] = {
    "long_windows": _text,
    "skip_index_check": _flag_text,
    "sync": _flag_text,
    "range_bias": _range_bias,
    "rows_bias": _rows_bias,
}
_CREATE: dict[str, _Accepts] = {
    "partitionnum": _number(1, 1_000_000),
    "replicanum": _number(1, 1_000_000),
    "storage_mode": _one_of("memory", "hdd", "ssd"),
    "compress_type": _one_of("nocompress", "snappy"),
    "distribution": lambda value: "",
}


@rule("DSF105")
def no_database(model: Model) -> Iterator[Problem]:
    """A statement without a database."""
    told = set()
    for statement in model.statements:
        if statement.db or statement.task.name in told:
            continue
        for node in named_tables(statement):
            if not node.db:
                told.add(statement.task.name)
                yield model.problem_in_statement(
                    statement,
                    f"task {statement.task.name!r}: no database is in use where {node.name!r} is named",
                    "every OPENMLDB task is a session of its own: begin with USE database, or write database."
                    + node.name,
                    node,
                )
                break


@rule("DSF120")
def options(model: Model) -> Iterator[Problem]:
    """An option that OpenMLDB does not know."""
    from dsflow.openmldb import nodes

    known = (
        (nodes.LoadData, "LOAD DATA", _LOAD),
        (nodes.SelectInto, "SELECT INTO", _INTO),
        (nodes.Deploy, "DEPLOY", _DEPLOY),
        (nodes.CreateTable, "CREATE TABLE", _CREATE),
    )
    for statement in model.statements:
        for kind, words, accepted in known:
            if not isinstance(statement.tree, kind):
                continue
            values = statement.tree.options
            for option in statement.tree.args.get("options") or []:
                name = option.name.lower()
                where = f"task {statement.task.name!r}"
                if name not in accepted:
                    yield model.problem_in_statement(
                        statement,
                        f"{where}: {words} has no option {option.name}; it would be ignored",
                        did_you_mean(name, accepted, "options: " + ", ".join(accepted)),
                        option,
                    )
                elif wanted := accepted[name](values[name]):
                    yield model.problem_in_statement(
                        statement, f"{where}: {option.name}={values[name]!r}: {words} wants {wanted}", "", option
                    )


@rule("DSF121")
def online_load(model: Model) -> Iterator[Problem]:
    """An online load that does not append."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree = statement.tree
        if not isinstance(tree, nodes.LoadData) or statement.mode != "online":
            continue
        mode = str(tree.options.get("mode", "error_if_exists")).lower()
        if mode in ("overwrite", "error_if_exists"):
            option = _option(tree, "mode")
            given = f"mode='{mode}'" if option is not None else "no mode (which means error_if_exists)"
            yield model.problem_in_statement(
                statement,
                f"task {statement.task.name!r}: LOAD DATA with {given} fails online, where rows can only be appended",
                "write TRUNCATE TABLE before it and OPTIONS(mode='append'); Table.load_online does both",
                option,
            )
        if tree.options.get("deep_copy") is False:
            yield model.problem_in_statement(
                statement,
                f"task {statement.task.name!r}: deep_copy=false can only be said of an offline load",
                node=_option(tree, "deep_copy"),
            )


@rule("DSF122")
def wrong_mode(model: Model) -> Iterator[Problem]:
    """A statement in the wrong mode."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree, task = statement.tree, f"task {statement.task.name!r}"
        if isinstance(tree, nodes.Deploy) and statement.mode == "offline":
            yield model.problem_in_statement(
                statement, f"{task}: OpenMLDB refuses DEPLOY in offline mode", 'give the task mode="online"'
            )
        elif isinstance(tree, nodes.SelectInto) and statement.mode == "online":
            format = str(tree.options.get("format", "csv")).lower()
            if format != "csv":
                yield model.problem_in_statement(
                    statement,
                    f"{task}: online, SELECT INTO OUTFILE writes csv only, not {format}",
                    'give the task mode="offline"',
                    _option(tree, "format"),
                )
            else:
                yield model.problem_in_statement(
                    statement,
                    f"{task}: online, SELECT INTO OUTFILE reads online rows only and writes to the disk of the worker"
                    " that happens to run the task",
                    'give the task mode="offline" to have a job export the offline rows',
                    severity="warning",
                )
        elif isinstance(tree, nodes.LoadData):
            local = str(tree.options.get("load_mode", "cluster")).lower() == "local"
            if local and statement.mode == "offline":
                yield model.problem_in_statement(
                    statement,
                    f"{task}: load_mode='local' loads into online storage only, the task is offline",
                    node=_option(tree, "load_mode"),
                )
        elif isinstance(tree, (nodes.TruncateTable, nodes.DeleteRows)) and statement.mode == "offline":
            word = "TRUNCATE" if isinstance(tree, nodes.TruncateTable) else "DELETE"
            yield model.problem_in_statement(
                statement,
                f"{task}: {word} changes the online rows, also in offline mode; the offline rows stay",
                "offline rows are replaced by LOAD DATA with mode='overwrite'",
                severity="warning",
            )


_VARIABLES: dict[str, _Accepts] = {
    "execute_mode": _one_of("offline", "online", "request", "batchrequest"),
    "sync_job": _flag_text,
    "enable_trace": _flag_text,
    "ansi_sql_rewriter": _flag_text,
    "job_timeout": lambda v: "" if str(v).lstrip("-").isdigit() else "a number of milliseconds",
    "insert_memory_usage_limit": lambda v: "" if str(v).isdigit() and int(v) <= 100 else "a number from 0 to 100",
    "spark_config": lambda v: (
        "" if all(part.startswith("spark.") for part in str(v).split(";") if part) else "'spark.key=value;spark....'"
    ),
}


@rule("DSF123")
def variables(model: Model) -> Iterator[Problem]:
    """A session variable that OpenMLDB does not know."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree = statement.tree
        if not isinstance(tree, nodes.SetVariable):
            continue
        name, task = tree.name.lower(), f"task {statement.task.name!r}"
        if name not in _VARIABLES:
            yield model.problem_in_statement(
                statement,
                f"{task}: there is no variable @@{tree.name}; OpenMLDB ignores the SET without a word",
                did_you_mean(name, _VARIABLES, "variables: " + ", ".join(_VARIABLES)),
                tree.this,
            )
        elif wanted := _VARIABLES[name](tree.value):
            yield model.problem_in_statement(
                statement, f"{task}: @@{name} = {tree.value!r}: it takes {wanted}", "", tree.this
            )


@rule("DSF124", "warning")
def mixed_modes(model: Model) -> Iterator[Problem]:
    """Online and offline mixed in one task."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree = statement.tree
        if isinstance(tree, nodes.SetVariable) and tree.name.lower() == "execute_mode":
            value = str(tree.value).lower()
            if value != statement.mode and value in ("offline", "online"):
                yield model.problem_in_statement(
                    statement,
                    f"task {statement.task.name!r} is {statement.task.mode} by its mode, but changes to {value} here",
                    f'make it two tasks, this part with mode="{value}": DolphinScheduler awaits the jobs of offline'
                    " tasks only",
                )


@rule("DSF125", "warning")
def not_awaited(model: Model) -> Iterator[Problem]:
    """A job that nobody waits for."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree = statement.tree
        if statement.sync:
            continue
        local = isinstance(tree, nodes.LoadData) and str(tree.options.get("load_mode", "")).lower() == "local"
        job = isinstance(tree, nodes.LoadData) and not local
        job = job or (isinstance(tree, nodes.SelectInto) and statement.mode == "offline")
        if job:
            kind = "an online load" if statement.mode == "online" else "this job"
            yield model.problem_in_statement(
                statement,
                f"task {statement.task.name!r} ends before {kind} has: the tasks after it meet rows that are not"
                " there yet",
                "write SET @@sync_job=true; before it" if statement.mode == "online" else "leave @@sync_job=true",
            )


@rule("DSF126", "warning")
def not_repeatable(model: Model) -> Iterator[Problem]:
    """A step that cannot run twice."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        if isinstance(statement.task.origin, (Table, FeatureView)):
            continue  # made to be repeatable
        tree = statement.tree
        found: tuple[str, str, Any] | None = None
        if isinstance(tree, (nodes.CreateDatabase, nodes.CreateTable, nodes.CreateIndex)) and not tree.exists:
            word = {"CreateDatabase": "DATABASE", "CreateTable": "TABLE"}.get(type(tree).__name__, "INDEX")
            if not _before(model, statement, nodes.DropTable, nodes.DropDatabase, nodes.DropIndex):
                found = (f"CREATE {word} fails when it is there already", f"write CREATE {word} IF NOT EXISTS", None)
        elif isinstance(tree, nodes.Deploy):
            if not _before(model, statement, nodes.DropDeployment):
                words = "DEPLOY IF NOT EXISTS" if tree.exists else "DEPLOY"
                more = " (OpenMLDB 0.9 reads IF NOT EXISTS, and refuses all the same)" if tree.exists else ""
                hint = "FeatureView.deploy asks first; by hand, DROP DEPLOYMENT IF EXISTS before it leaves a gap"
                found = (f"{words} fails when a deployment of that name exists{more}", hint, None)
        elif isinstance(tree, (nodes.DropTable, nodes.DropDatabase, nodes.DropDeployment, nodes.DropIndex)):
            if not tree.exists:
                found = ("DROP fails when it is gone already", "write IF EXISTS", None)
        elif isinstance(tree, nodes.LoadData):
            found = _load_again(model, statement)
        elif isinstance(tree, nodes.SelectInto):
            mode = str(tree.options.get("mode", "error_if_exists")).lower()
            if tree.path.lower().startswith("openmldb://"):
                if not _emptied(model, statement, tree.path.rpartition(".")[2]):
                    found = ("SELECT INTO a table adds the same rows again", "write TRUNCATE TABLE before it", None)
            elif mode != "overwrite":
                what = "adds the same rows again" if mode == "append" else "fails when there are files already"
                found = (f"SELECT INTO with mode {mode} {what}", "write mode='overwrite'", _option(tree, "mode"))
        elif isinstance(tree, nodes.InsertRows) and not tree.or_ignore and not _emptied(model, statement):
            found = ("INSERT adds the same rows again", "write INSERT OR IGNORE, or TRUNCATE TABLE before it", None)
        if found:
            message, hint, node = found
            yield model.problem_in_statement(
                statement, f"task {statement.task.name!r}, run a second time: {message}", hint, node
            )


def _load_again(model: Model, statement: Statement) -> tuple[str, str, Any] | None:
    options = statement.tree.options
    mode = str(options.get("mode", "error_if_exists")).lower()
    option = _option(statement.tree, "mode")
    if mode not in _MODES:
        return None  # DSF120 speaks of it
    if statement.mode == "online":
        if mode != "append" or options.get("put_if_absent") is True or _emptied(model, statement):
            return None  # DSF121 speaks of other modes
        return "an online load appends the same rows again", "write TRUNCATE TABLE before it", option
    if mode == "overwrite" or options.get("deep_copy") is False:
        return None
    what = "appends the same rows again" if mode == "append" else "fails when there are offline rows already"
    return f"LOAD DATA with mode {mode} {what}", "write mode='overwrite'", option


def _before(model: Model, statement: Statement, *kinds: type) -> bool:
    """Whether one of these statements stands before it in the same task, or in a task before."""
    return any(
        isinstance(other.tree, kinds)
        and (
            (other.task is statement.task and other.number < statement.number)
            or other.task.name in model.before.get(statement.task.name, ())
        )
        for other in model.statements
    )


def _emptied(model: Model, statement: Statement, name: str | None = None) -> bool:
    from dsflow.openmldb import nodes

    name = name or statement.tree.table.name
    return any(
        isinstance(other.tree, (nodes.TruncateTable, nodes.DropTable))
        and other.tree.table.name == name
        and (
            (other.task is statement.task and other.number < statement.number)
            or other.task.name in model.before.get(statement.task.name, ())
        )
        for other in model.statements
    )


@rule("DSF127")
def not_encodable(model: Model) -> Iterator[Problem]:
    """SQL that would not arrive as it was written."""
    for statement in model.statements:
        raw = statement.sql.raw
        at = unencodable(raw)
        if at is not None:
            where, _ = model.in_statement(statement, 0)
            message = f"the SQL holds {raw[at]!r}, half of a character, which cannot be stored or sent"
            hint = "write the whole character; was a text read with another encoding than its file has?"
            yield Problem(f"task {statement.task.name!r}: {message}", where, hint)
            continue
        try:
            arrived = decode(encode([statement.sql.raw]))
        except DeclarationError as error:
            yield model.problem_in_statement(
                statement, f"task {statement.task.name!r}: {error.message}", error.hint or ""
            )
            continue
        except (SyntaxError, ValueError) as error:
            problem = f"it is no text for the task's script: {error}"
        else:
            wanted = show_marks(raw.replace(DOLLAR, "$").strip())
            if len(arrived) == 1 and arrived[0].strip() == wanted:
                continue
            problem = f"it would arrive as {arrived[0]!r}" if arrived else "nothing of it would arrive"
        yield model.problem_in_statement(statement, f"task {statement.task.name!r}: {problem}")


@rule("DSF128")
def columns(model: Model) -> Iterator[Problem]:
    """Columns that a table does not have."""
    from dsflow.openmldb import nodes

    for statement in model.statements:
        tree = statement.tree
        if isinstance(tree, nodes.CreateTable) and tree.columns:
            yield from _created_columns(model, statement)
        elif isinstance(tree, nodes.InsertRows):
            yield from _inserted_columns(model, statement)
        elif isinstance(tree, nodes.CreateIndex):
            table = model.tables.get((tree.table.db or statement.db, tree.table.name))
            if table is not None:
                yield from _index_columns(model, statement, tree.spec, table.columns)


def _created_columns(model: Model, statement: Statement) -> Iterator[Problem]:
    tree = statement.tree
    kinds: dict[str, Any] = {}
    for column in tree.columns:
        if column.name in kinds:
            message = f"task {statement.task.name!r}: the column {column.name!r} is declared twice"
            yield model.problem_in_statement(statement, message, node=column)
        word = column.kind.partition("(")[0]
        try:
            kinds[column.name] = ColumnType.parse(word)
        except ValueError as error:
            kinds[column.name] = None
            yield model.problem_in_statement(statement, f"task {statement.task.name!r}: {error}", node=column)
    for index in tree.indexes:
        yield from _index_columns(model, statement, index, kinds)


def _index_columns(
    model: Model, statement: Statement, index: Any, kinds: Mapping[str, ColumnType | None]
) -> Iterator[Problem]:
    task = f"task {statement.task.name!r}"
    for name in (*index.keys, *([index.ts] if index.ts else [])):
        if name not in kinds:
            hint = did_you_mean(name, kinds, "columns: " + ", ".join(kinds))
            yield model.problem_in_statement(statement, f"{task}: an index names the column {name!r}", hint, index)
    kind = kinds.get(index.ts or "")
    if kind is not None and kind not in (ColumnType.TIMESTAMP, ColumnType.BIGINT):
        message = f"{task}: an index is ordered by {index.ts!r}, a {kind}"
        yield model.problem_in_statement(statement, message, "TS takes a timestamp or a bigint", index)
    known = ("absolute", "latest", "absorlat", "absandlat")
    if index.ttl_type is not None and index.ttl_type not in known:
        message = f"{task}: TTL_TYPE={index.ttl_type} is none of {', '.join(known)}"
        yield model.problem_in_statement(statement, message, did_you_mean(index.ttl_type, known), index)


def _inserted_columns(model: Model, statement: Statement) -> Iterator[Problem]:
    tree = statement.tree
    table = model.tables.get((tree.table.db or statement.db, tree.table.name))
    if table is None:
        return
    task = f"task {statement.task.name!r}"
    for node in tree.args.get("columns") or []:
        if node.name not in table.columns:
            hint = did_you_mean(node.name, table.columns, "columns: " + ", ".join(table.columns))
            yield model.problem_in_statement(
                statement, f"{task}: the table {table.name!r} has no column {node.name!r}", hint, node
            )
    wanted = len(tree.columns) or len(table.columns)
    _each_row = "a value for each of: " + ", ".join(tree.columns or table.columns)
    for row in tree.args["rows"]:
        if len(row.expressions) != wanted:
            yield model.problem_in_statement(
                statement, f"{task}: a row of {len(row.expressions)} values for {wanted} columns", _each_row, row
            )


# ------------------------------------------------------------------------------------------------------------- helpers


def _option(tree: Any, name: str) -> Any:
    return next((o for o in tree.args.get("options") or [] if o.name.lower() == name), None)


def named_tables(statement: Statement) -> list[Any]:
    """The nodes of the tables that a statement names."""
    from sqlglot import exp

    if statement.tree is None:
        return []
    own = {cte.alias for cte in statement.tree.find_all(exp.CTE)}
    return [node for node in statement.tree.find_all(exp.Table) if node.name not in own]
