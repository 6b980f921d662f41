"""SELECTs: what OpenMLDB's own compiler says of them, and what their columns and tables are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dsflow.errors import DeclarationError, did_you_mean
from dsflow.openmldb.sdk import CompilerError, Refusal
from dsflow.validation.model import Model, Problem, Query, node_offset, offset_of
from dsflow.validation.rules.base import rule


@rule("DSF101")
def syntax(model: Model) -> Iterator[Problem]:
    """SQL that does not parse."""
    seen = set()
    for query in model.queries:
        if query.failure is not None:
            seen.add(id(query.view))
            where, excerpt = model.in_query(query, query.failure.offset)
            yield Problem(
                f"{query.owner}: {query.failure.message}",
                where,
                _grammar_hint(query.text, query.failure.message),
                excerpt=excerpt,
            )
    for statement in model.statements:
        if statement.failure is not None and id(statement.task.origin) not in seen:
            where, excerpt = model.in_statement(statement, statement.failure.offset)
            hint = _grammar_hint(statement.sql.text, statement.failure.message)
            yield Problem(f"task {statement.task.name!r}: {statement.failure.message}", where, hint, excerpt=excerpt)


@rule("DSF102", compiler=True, embedded=True)
def batch(model: Model) -> Iterator[Problem]:
    """A query that an offline job refuses."""
    for query in model.queries:
        if "batch" in query.modes:
            yield from _refused(model, query, "batch", "refuses the query")


@rule("DSF103", compiler=True, embedded=True)
def request(model: Model) -> Iterator[Problem]:
    """A query that cannot be deployed."""
    for query in model.queries:
        if "request" not in query.modes:
            continue
        if "batch" in query.modes and _refusal(model, query, "batch"):
            continue  # said once
        yield from _refused(model, query, "request", "cannot serve the query")


@rule("DSF104", "warning")
def unknown_table(model: Model) -> Iterator[Problem]:
    """A table that nothing declares."""
    for query in model.queries:
        for node in unknown_tables(model, query):
            db = node.db or query.db
            if _from_output(model, query, node):
                continue
            near = [name for (database, name) in model.tables if database == db]
            hint = did_you_mean(node.name, near)
            yield model.problem_in_query(
                query,
                node,
                f"{query.owner} reads the table {db}.{node.name}, which is not declared here",
                hint or "declare it as a Table, so that the query is checked against its columns",
                "error" if hint or query.view else "warning",
            )
    yield from _misspelt_tables(model)


def _misspelt_tables(model: Model) -> Iterator[Problem]:
    """Tables that other statements than queries name. They may well be another workflow's, so that only what is nearly
    the name of a declared one is told."""
    from dsflow.openmldb import nodes

    kinds = (nodes.LoadData, nodes.InsertRows, nodes.DeleteRows, nodes.TruncateTable, nodes.CreateIndex)
    for statement in model.statements:
        if not isinstance(statement.tree, kinds):
            continue
        node = statement.tree.table
        db = node.db or statement.db
        if not db or (db, node.name) in model.tables:
            continue
        hint = did_you_mean(node.name, [name for (database, name) in model.tables if database == db])
        if hint:
            message = f"task {statement.task.name!r} names the table {db}.{node.name}, which is not declared here"
            yield model.problem_in_statement(statement, message, hint, node, "error")


@rule("DSF106")
def output_columns(model: Model) -> Iterator[Problem]:
    """Output columns that cannot be told apart, or no label among them."""
    for query in model.queries:
        if query.tree is None or query.view is None:
            continue
        try:
            names = model.output_columns(query)
        except DeclarationError as error:
            yield Problem(f"{query.owner}: {error.message}", query.where, error.hint or "")
            continue
        label = query.view.declared_label
        if label is not None and label not in names:
            yield Problem(
                f"{query.owner}: the label {label!r} is not among its columns",
                model.sources.argument_place(query.where, "label"),
                did_you_mean(label, names, "columns: " + ", ".join(names)),
            )
        for name, count in Counter(names).items():
            if count > 1:
                item = [column.node for column in model.bound(query).columns if column.name == name][-1]
                yield model.problem_in_query(
                    query,
                    item,
                    f"{query.owner} gives {count} columns of the name {name!r}",
                    "name each column once: ... AS other_name; a model knows its features by their names",
                )


@rule("DSF107", "warning", compiler=True, embedded=True)
def crashed(model: Model) -> Iterator[Problem]:
    """A query that OpenMLDB's compiler does not survive."""
    for query in model.queries:
        for mode in query.modes if _checkable(model, query) else ():
            answer = model.refusal(query, mode)
            if isinstance(answer, CompilerError):
                yield Problem(f"{query.owner} was not checked: {answer.message}", query.where)
                break


@rule("DSF110", "warning")
def result_lost(model: Model) -> Iterator[Problem]:
    """A query whose result goes nowhere."""
    from sqlglot import exp

    for statement in model.statements:
        if isinstance(statement.tree, exp.Query):
            yield model.problem_in_statement(
                statement,
                f"task {statement.task.name!r}: an OPENMLDB task throws the result of a SELECT away",
                "write it to files: SELECT ... INTO OUTFILE '...' OPTIONS(mode='overwrite')",
            )


# ------------------------------------------------------------------------------------------------------------- helpers


def unknown_tables(model: Model, query: Query) -> list[Any]:
    """The nodes of a query's tables that are not declared."""
    scans = model.bound(query).scans if query.tree is not None else ()
    return [scan.node for scan in scans if scan.table[0] and not scan.known]


def _from_output(model: Model, query: Query, node: Any) -> bool:
    """Whether a table's name is an output, which is not known before a run."""
    raw = query.sql.raw[query.sql.raw_offset(node_offset(query.sql.text, node)) :]
    return raw.startswith("${") and raw[2:].partition("}")[0] not in model.values


def _checkable(model: Model, query: Query) -> bool:
    return query.failure is None and bool(query.db) and not (query.tree is not None and unknown_tables(model, query))


def _refusal(model: Model, query: Query, mode: str) -> Refusal | None:
    answer = model.refusal(query, mode) if _checkable(model, query) else None
    return answer if isinstance(answer, Refusal) else None


def _refused(model: Model, query: Query, mode: str, what: str) -> Iterator[Problem]:
    refusal = _refusal(model, query, mode)
    if refusal is None:
        return
    offset = culprit(query, refusal)
    where, excerpt = model.in_query(query, offset)
    who = "OpenMLDB" if model.compiler is not None else "the embedded OpenMLDB"
    hint = _hint(model, query, refusal) or refusal.hint
    yield Problem(f"{query.owner}: {who} {what}: {_plain(refusal.message)}", where, hint, excerpt=excerpt)


def _plain(message: str) -> str:
    """The compiler's words without the numbers that it gives to columns inside."""
    return re.sub(r"#\d+:", "", message)


def culprit(query: Query, refusal: Refusal) -> int:
    """Where in a query the compiler stumbled: it says so for syntax only; else by the names in its message."""
    if refusal.line:
        return offset_of(query.text, refusal.line, refusal.column or 1)
    if query.tree is None:
        return 0
    message = _plain(refusal.message)
    node = _named_node(query, message)
    for step in reversed(
        re.findall(r"(?:Fail to infer|Fail to resolve expression:?|Lambdafy) ([^\n]+)", refusal.trace)
    ):
        node = node or _expression(query, _plain(step).removesuffix(" failed"))
    return node_offset(query.sql.text, node) - query.start if node is not None else 0


_NO_COLUMN = re.compile(
    r"(?:[Ff]ail to find column|[Cc]olumn [Nn]ot found:|Ambiguous column name|there is no column)"
    r" [\w.]*?(?:(?P<table>\w+)\.)?(?P<name>\w+)\Z"
)


def _named_node(query: Query, message: str) -> Any:
    from sqlglot import exp

    if table := re.search(r"table (?:\w+\.)?(\w+) not exist", message):
        return next((n for n in query.tree.find_all(exp.Table) if n.name == table[1]), None)
    if column := _NO_COLUMN.search(message):
        columns = [n for n in query.tree.find_all(exp.Column) if n.name == column["name"]]
        return next((n for n in columns if n.table == (column["table"] or "")), columns[0] if columns else None)
    if function := re.search(r"(?:resolve expression:?|function|udf) ?'?(\w+)\(", message):
        calls = [n for n in query.tree.find_all(exp.Anonymous) if str(n.name).lower() == function[1].lower()]
        return calls[0] if calls else None
    if "operator: IS" in message:
        return next(iter(query.tree.find_all(exp.Is)), None)
    if "resolved window" in message:
        from dsflow.openmldb import nodes

        known = {node.name for node in query.tree.find_all(nodes.WindowDefinition)}
        overs = (over.args["window"] for over in query.tree.find_all(nodes.Over))
        return next((w for w in overs if w.name and w.name not in known), None)
    if window := re.search(r"window:? '?(\w+)'?", message):
        from dsflow.openmldb import nodes

        for over in query.tree.find_all(nodes.Over):
            if over.args["window"].name == window[1]:
                return over.args["window"]
    if "aggregat" in message.lower() and query.tree.args.get("group"):
        return query.tree.args["group"].expressions[0]
    return next((n for words, kind in _kinds() if words in message.lower() for n in query.tree.find_all(kind)), None)


def _kinds() -> list[tuple[str, type]]:
    """Words of the compiler's messages that name no name, and what of a query they speak of."""
    from sqlglot import exp

    from dsflow.openmldb import nodes

    return [
        ("order column", exp.Order),
        ("ksortplan", exp.Order),
        ("in predicate", exp.In),
        ("rows window", nodes.WindowFrame),
        ("window union", nodes.WindowDefinition),
        ("frame", nodes.WindowDefinition),
        ("window", nodes.WindowDefinition),
        ("fail to cast", exp.Cast),
        ("datatype", exp.Cast),
        ("parameter type", exp.Placeholder),
        ("join type", exp.Join),
        ("bitwise not", exp.BitwiseNot),
        ("escape", exp.Escape),
        ("like", exp.Like),
    ]


def _expression(query: Query, text: str) -> Any:
    """The smallest node with all the names of an expression that the compiler printed."""
    from sqlglot import exp

    wanted = Counter(re.findall(r"[A-Za-z_]\w*", text.lower()))
    wanted = Counter({w: n for w, n in wanted.items() if w not in ("over", "null", "true", "false", "lambda")})
    if not wanted:
        return None
    best: tuple[int, Any] | None = None
    for item in query.tree.walk():
        if not isinstance(item, (exp.Binary, exp.Unary, exp.Anonymous, exp.Column, exp.Cast, exp.Case, exp.Alias)):
            continue
        names = Counter(re.findall(r"[A-Za-z_]\w*", item.sql(dialect="openmldb").lower()))
        size = sum(names.values())
        if not wanted - names and (best is None or size < best[0]):
            best = (size, item)
    return best[1] if best else None


_FUNCTION_HINTS = {
    "coalesce": "OpenMLDB 0.9 has no COALESCE; write ifnull(x, other), one inside the other",
    "nullif": "OpenMLDB 0.9 has no NULLIF; write CASE WHEN a = b THEN NULL ELSE a END",
    "if": "OpenMLDB 0.9 has no IF(); write CASE WHEN ... THEN ... ELSE ... END",
    "mod": "write a % b",
    "strlen": "write char_length(x)",
    "length": "write char_length(x)",
    "now": "features must not depend on the clock: training and serving would differ",
    "current_timestamp": "features must not depend on the clock: training and serving would differ",
}


def _hint(model: Model, query: Query, refusal: Refusal) -> str:
    message = _plain(refusal.message)
    if "operator: IS" in message:
        return "write isnull(x), or NOT isnull(x)"
    if message.startswith("Ambiguous"):
        return "several tables have it: write TABLE." + message.rpartition(" ")[2]
    if column := _NO_COLUMN.search(message):
        tables = {t.name for t in _tables(query)}
        known = [c for (_, name), table in model.tables.items() if name in tables for c in table.columns]
        return did_you_mean(column["name"], known, "columns: " + ", ".join(dict.fromkeys(known)))
    if function := re.search(r"resolve expression:? (\w+)\(|there is no function (?:\w+\.)?(\w+)", message):
        from dsflow.embedded.compiler.functions import FUNCTIONS

        name = (function[1] or function[2]).lower()
        if name in FUNCTIONS and name not in _FUNCTION_HINTS:
            return f"{name} does not take arguments of these types"
        return _FUNCTION_HINTS.get(name) or did_you_mean(name, FUNCTIONS, "there is no such function")
    if "Aggregate over a table" in message:
        return "a deployment answers one row at a time: aggregate over a WINDOW instead of GROUP BY"
    return next((hint for words, hint in _MORE_HINTS if words in message), "")


_MORE_HINTS = (
    ("kSortPlan", "a deployment answers one row at a time: leave ORDER BY out"),
    ("HAVING", "a deployment answers one row at a time, and no groups"),
    ("join type", "OpenMLDB has LAST JOIN and LEFT JOIN: LAST JOIN t ORDER BY t.time ON ..."),
    ("frame can't be unbound", "give the window a frame: ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW"),
    (
        "resolved window",
        "define it: WINDOW name AS (PARTITION BY key ORDER BY time ROWS BETWEEN ... AND CURRENT ROW)",
    ),
    ("Order column type", "a window is ordered by a timestamp or a whole number"),
    ("union table", "the tables of a window's UNION have the same columns, in the same order"),
    ("udf signature", "this function does not take a column of this type"),
    ("Op type", "cast one side to the type of the other"),
    ("IN predicate with sub query", "LAST JOIN that table, and test what it gives with isnull()"),
)
"""Words of the compiler's messages, and what helps."""


_NAME_LIKE = frozenset(
    """array at collate contains current default desc end exclude fetch following hash ignore index limit lookup map mod
    natural new no of open order preceding proto range respect row set to treat window within""".split()  # noqa: SIM905
)
"""Reserved words that people give to columns."""


def _grammar_hint(text: str, message: str) -> str:
    word = re.search(r"keyword (\w+)$", message)
    if word and word[1].lower() in _NAME_LIKE:
        return f"{word[1].lower()} is a reserved word; as a name it needs back quotes: `{word[1].lower()}`"
    if re.search(r"\bis\s+(not\s+)?null\b", text, re.IGNORECASE):
        return "OpenMLDB has isnull(x) and NOT isnull(x) in place of IS NULL"
    wrong = re.search(
        r"got identifier \"(\w+)\"|Not a statement of OpenMLDB: '(\w+)'|^(\w+) is not a supported", message
    )
    said = next((part for part in wrong.groups() if part), "") if wrong else ""
    if said.upper() in _ELSEWHERE:
        return f"OpenMLDB has no {said.upper()}"
    otherwise = "the mistake is at this word, or just before it: is a comma or a bracket missing?"
    return did_you_mean(said.upper(), _WORDS, otherwise)


_ELSEWHERE = frozenset("UPDATE MERGE BEGIN COMMIT ROLLBACK REPLACE UPSERT COPY ANALYZE".split())  # noqa: SIM905
"""Statements of other databases."""
_WORDS = frozenset(
    """SELECT FROM WHERE GROUP ORDER HAVING LIMIT WINDOW PARTITION UNION LAST LEFT JOIN CREATE DROP TABLE DATABASE INDEX
    DEPLOY DEPLOYMENT LOAD DATA INFILE INTO OUTFILE OPTIONS INSERT VALUES DELETE TRUNCATE SHOW SET USE DESC EXPLAIN STOP
    BETWEEN PRECEDING CURRENT DISTINCT""".split()  # noqa: SIM905
)


def _tables(query: Query) -> list[Any]:
    from sqlglot import exp

    return list(query.tree.find_all(exp.Table)) if query.tree is not None else []
