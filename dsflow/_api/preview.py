"""The first rows of a feature view, computed here from the files that the pipeline loads."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dsflow.declare.context import declared_workflows
from dsflow.declare.params import PLACEHOLDER, Scalar, substitute, to_text
from dsflow.declare.statements import LoadData
from dsflow.declare.table import Table
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.errors import DeclarationError, MissingExtraError, RunError
from dsflow.openmldb.query import parse_query

if TYPE_CHECKING:
    import pandas as pd

    from dsflow.declare.features import FeatureView
    from dsflow.declare.workflow import Workflow
    from dsflow.embedded.engine import Engine


def preview(view: FeatureView, rows: int, params: Mapping[str, Scalar] | None) -> pd.DataFrame:
    """See `dsflow.FeatureView.preview`."""
    try:
        import pandas as pd

        from dsflow.embedded.engine import Engine
        from dsflow.local.runner import default_state, local_values
    except ImportError as error:
        raise MissingExtraError("a preview", "local", error.name or "duckdb") from error
    if rows < 1:
        raise DeclarationError(f"rows={rows} is not a number of rows")
    workflow, loads = _loads(view)
    places = {"here": str(workflow.folder), "state": str(default_state(workflow))}
    defaults = {name: param.default for name, param in workflow.parameters.items()}
    chosen: dict[str, Scalar] = {**defaults, **local_values(workflow, params or {}, places)}
    values = {name: to_text(value) for name, value in chosen.items()}
    query = parse_query(_filled(view, view.sql, values))
    if query.args.get("limit") is None:
        query = query.limit(rows)
    with tempfile.TemporaryDirectory(prefix="dsflow-preview-") as folder, Engine(folder) as engine:
        for table in loads:
            database = _filled(view, str(table.database), values)
            engine.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
            engine.execute(table.ddl(), database)
        for table, statement in loads.items():
            text = _filled(view, statement.text, values)
            _done(engine, view, text, _filled(view, str(table.database), values))
        database = _filled(view, str(view.source.database), values)
        found = engine.execute(query.sql(dialect="openmldb"), database, mode="offline")
    if found.job is not None:
        raise RunError(f"feature view {view.name!r}: {found.job.error}", where=view.where)
    frame = pd.DataFrame.from_records(list(found.rows[:rows]), columns=[column.name for column in found.columns])
    for column in found.columns:
        if str(column.type) == "timestamp":
            frame[column.name] = pd.to_datetime(frame[column.name], unit="ms", utc=True)
    return frame


def _loads(view: FeatureView) -> tuple[Workflow, dict[Table, LoadData]]:
    """The workflow that loads the view's table, and what it loads into which table."""
    for workflow in reversed(declared_workflows()):
        loads: dict[Table, LoadData] = {}
        for task in workflow.tasks.values():
            table = getattr(task, "origin", None)
            if isinstance(task, OpenMLDB) and isinstance(table, Table):
                for statement in task.written:
                    if isinstance(statement, LoadData):
                        loads.setdefault(table, statement)
        if view.source in loads:
            return workflow, loads
    raise DeclarationError(
        f"feature view {view.name!r}: no workflow loads the table {view.source.name!r}, so there are no rows to see",
        where=view.where,
        hint=f"declare a step in a workflow: {view.source.name}.load_offline(PATH)",
    )


def _filled(view: FeatureView, text: str, values: Mapping[str, str]) -> str:
    filled = substitute(text, values)
    if left := PLACEHOLDER.search(filled):
        raise DeclarationError(
            f"feature view {view.name!r}: {left[0]} has no value",
            where=view.where,
            hint=f"give it: params={{{left[1]!r}: ...}}",
        )
    return filled


def _done(engine: Engine, view: FeatureView, text: str, database: str) -> None:
    result: Any = engine.execute(text, database, mode="offline")
    if result.job is not None and result.job.state != "FINISHED":
        raise RunError(f"feature view {view.name!r}: its rows cannot be loaded: {result.job.error}", where=view.where)
