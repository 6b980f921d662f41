"""Files that are loaded and written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dsflow.declare.features import FeatureView
from dsflow.declare.params import placeholders
from dsflow.declare.table import Table
from dsflow.errors import did_you_mean
from dsflow.validation.model import Model, Problem, Statement
from dsflow.validation.rules.base import rule

_SCHEMES = (
    "file",
    "hdfs",
    "hive",
    "iceberg",
    "s3",
    "s3a",
    "s3n",
    "oss",
    "cosn",
    "obs",
    "abfs",
    "abfss",
    "gs",
    "viewfs",
)
_ENDINGS = {".parquet": "parquet", ".csv": "csv"}
_LITERAL = re.compile(r"\b(?:INFILE|OUTFILE)\s+['\"]", re.IGNORECASE)


@rule("DSF129")
def paths(model: Model) -> Iterator[Problem]:
    """A path that a job cannot take."""
    from dsflow.openmldb import nodes

    loads: list[tuple[Statement, str]] = []
    for statement in model.statements:
        tree = statement.tree
        if not isinstance(tree, (nodes.LoadData, nodes.SelectInto)) or not _known(model, statement):
            continue
        format = str(tree.options.get("format", "csv")).lower()
        if format in ("tidb", "openmldb"):
            continue  # no files
        writes = isinstance(tree, nodes.SelectInto)
        if writes and tree.path.lower().startswith("openmldb://"):
            continue  # a table
        found = _wrong(tree.path, format, writes=writes, local=str(tree.options.get("load_mode")).lower() == "local")
        if found:
            yield _problem(model, statement, *found)
        if isinstance(tree, nodes.LoadData):
            loads.append((statement, _plain(tree.path)))
    for statement in model.statements:
        if isinstance(statement.tree, nodes.SelectInto) and _known(model, statement):
            for load, path in loads:
                if path == _plain(statement.tree.path) and _runs_before(model, load, statement):
                    message = (
                        f"it writes over {statement.tree.path}, which task {load.task.name!r} loads: a run destroys"
                    )
                    yield _problem(model, statement, f"{message} the input of the next", "write to another folder")
                    break


def _known(model: Model, statement: Statement) -> bool:
    """Whether the path is known before a run: it holds no output of a task."""
    written = _written(statement)
    return written is None or all(
        name in model.values or name in statement.task.params for name in placeholders(written)
    )


def _written(statement: Statement) -> str | None:
    match = re.search(r"(?:INFILE|OUTFILE)\s+(['\"])(.*?)\1", statement.sql.raw, re.IGNORECASE | re.DOTALL)
    return match[2] if match else None


def _wrong(path: str, format: str, *, writes: bool, local: bool) -> tuple[str, str] | tuple[str, str, str] | None:
    """What is wrong with a path, a hint, and perhaps a severity."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", path)
    if not path.strip():
        return "the path is empty", "such as /data/clicks.csv or hdfs://host/data/clicks"
    if scheme and scheme[1].lower() not in _SCHEMES:
        hint = did_you_mean(scheme[1].lower(), _SCHEMES, "such as " + ", ".join(_SCHEMES[:5]))
        return (
            f"{scheme[1]}: is no file system that OpenMLDB is known to read",
            hint,
            "error" if "mean" in hint else "warning",
        )
    if scheme and local and scheme[1].lower() != "file":
        return f"load_mode='local' reads files of the worker only, not {scheme[1]}:", "leave load_mode out"
    if path.startswith("~"):
        return f"{path}: no shell is there to fill in ~", "write the whole path"
    if not scheme and not path.startswith("/"):
        hint = "write /path, file:///path or hdfs:///path"
        return f"{path} is relative: to what, depends on the process that reads it", hint, "warning"
    if writes and re.search(r"[*?\[\]]", path):
        return f"{path}: files are written to one folder, a pattern names none", "name a folder"
    for ending, meant in _ENDINGS.items():
        if path.lower().endswith(ending) and format != meant and format in _ENDINGS.values():
            return (
                f"{path} is read as {format}" if not writes else f"{path} is written as {format}",
                (f"write format='{meant}'"),
                "warning",
            )
    return None


def _plain(path: str) -> str:
    return re.sub(r"^file:/*", "/", path).rstrip("/")


def _runs_before(model: Model, one: Statement, other: Statement) -> bool:
    if one.task is other.task:
        return one.number < other.number
    return one.task.name in model.before.get(other.task.name, ())


def _problem(model: Model, statement: Statement, message: str, hint: str = "", severity: str = "error") -> Problem:
    literal = _LITERAL.search(statement.sql.text)
    where, excerpt = model.in_statement(statement, literal.end() if literal else 0)
    if isinstance(statement.task.origin, (Table, FeatureView)):
        where, excerpt = model.sources.argument_place(statement.task.where, "path"), ""
    return Problem(
        f"task {statement.task.name!r}: {message}",
        where,
        hint,
        "warning" if severity == "warning" else "error",
        excerpt,
    )
