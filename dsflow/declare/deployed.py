"""What the deployments of a workflow need of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dsflow.declare.params import PLACEHOLDER
from dsflow.declare.statements import Deploy, Statement, Use
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.openmldb.indexes import IndexNeed, TableKey, needed_indexes
from dsflow.openmldb.ttl import Bias

if TYPE_CHECKING:
    from sqlglot import exp

    from dsflow.declare.workflow import Workflow


@dataclass(frozen=True)
class DeployedNeed:
    """An index of a table that a task's DEPLOY needs, or would make.

    Attributes:
        task: the task's name.
        table: database and name of the table, as written: a parameter is ``${name}``.
        need: the index, its TTL lengthened by the statement's RANGE_BIAS and ROWS_BIAS.
    """

    task: str
    table: TableKey
    need: IndexNeed


def deployed_needs(workflow: Workflow, tables: Mapping[TableKey, Sequence[str]]) -> list[DeployedNeed]:
    """The indexes that the DEPLOY statements of a workflow need; of one that does not parse, none.

    What a parameter decides is not known before a run: a window as long as ``${hours}`` keeps everything, and an index
    on a column ``${key}`` is left to DEPLOY.

    Args:
        tables: the columns of the tables that are known, by database and name as written.
    """
    columns = tuple((key, tuple(names)) for key, names in tables.items())
    return [
        DeployedNeed(task.name, table, need)
        for task in workflow.tasks.values()
        if isinstance(task, OpenMLDB)
        for table, need in _session_needs(task.written, columns)
    ]


@lru_cache(maxsize=64)  # a task's statements are asked for many times, and parsing takes milliseconds
def _session_needs(
    statements: tuple[str | Statement, ...], columns: tuple[tuple[TableKey, tuple[str, ...]], ...]
) -> tuple[tuple[TableKey, IndexNeed], ...]:
    if not any(isinstance(s, Deploy) or (isinstance(s, str) and "deploy" in s.lower()) for s in statements):
        return ()  # the parser is not loaded for nothing
    return tuple(_needs(statements, dict(columns)))


def _needs(
    statements: Sequence[str | Statement], columns: Mapping[TableKey, Sequence[str]]
) -> Iterator[tuple[TableKey, IndexNeed]]:
    from dsflow.openmldb import nodes
    from dsflow.openmldb.bound import bind

    db = ""
    for statement in statements:
        query: Any = None
        biases: Mapping[str, Any] = {}
        if isinstance(statement, Use):
            db = statement.database
        elif isinstance(statement, Deploy):
            query, biases = parsed_with_parameters(statement.query), dict(statement.biases)
        elif isinstance(statement, str):
            tree = parsed_with_parameters(statement)
            if isinstance(tree, nodes.UseDatabase):
                db = tree.name
            elif isinstance(tree, nodes.Deploy):
                query, biases = tree.query, tree.options
        if query is not None:
            bias = _bias(biases)
            for table, needs in needed_indexes(bind(query, db, columns)).items():
                yield from ((table, replace(need, ttl=need.ttl.with_bias(bias))) for need in needs)


def parsed_with_parameters(statement: str) -> exp.Expr | None:
    """A statement's tree: a parameter in the place of a column or a number is a placeholder, in a name its text."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    from dsflow.openmldb.query import shared_tree

    marks: dict[str, str] = {}

    def mark(match: Any) -> str:
        return marks.setdefault(match[0], f"dsflow_parameter_{len(marks)}_")

    try:
        tree: exp.Expr = shared_tree(PLACEHOLDER.sub(mark, statement))
    except SqlglotError:
        return None  # validation says so, with the place
    if marks:
        tree = tree.copy()
    for node in list(tree.find_all(exp.Column, exp.Identifier, exp.Literal)) if marks else ():
        if isinstance(node, exp.Column):
            if any(each in part.name for each in marks.values() for part in node.parts):
                node.replace(exp.Placeholder())
        else:
            node.set("this", _restored(node.name, marks))
    if isinstance(tree.args.get("path"), str):
        tree.set("path", _restored(tree.args["path"], marks))
    return tree


def _restored(text: str, marks: Mapping[str, str]) -> str:
    for parameter, mark in marks.items():
        text = text.replace(mark, parameter)
    return text


def _bias(options: Mapping[str, Any]) -> Bias:
    try:
        return Bias.parse(options.get("range_bias", 0), options.get("rows_bias", 0))
    except ValueError:
        return Bias(None, None)  # a parameter: any length will do
