"""Measures training/serving skew: a sample of rows, asked offline and online."""

from __future__ import annotations

import random
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsflow.consistency.cluster import Cluster
from dsflow.consistency.query import KEY, as_requests, time_column
from dsflow.consistency.report import ConsistencyReport, compare
from dsflow.consistency.values import read_rows, write_rows
from dsflow.errors import DeclarationError, ServerError, SourceLocation
from dsflow.openmldb.types import ColumnType

TIMEOUT = 1800.0
TOLERANCE = 1e-6
_SPARE = 4  # rows read for each row of the sample

Row = Mapping[str, Any]


def ask(
    apiserver: str,
    *,
    view: str,
    where: SourceLocation | None,
    sql: str,
    database: str,
    table: str,
    columns: Mapping[str, ColumnType],
    deployment: str,
    sample: int = 1000,
    folder: str | Path | None = None,
    tolerance: float = TOLERANCE,
) -> ConsistencyReport:
    """:func:`measure` for a feature view, at an APIServer.

    Args:
        apiserver: its address, ``http://host:port``.
        view, where: the feature view's name and where it is declared, for errors.
    """
    try:
        with Cluster(apiserver, timeout=TIMEOUT) as cluster:
            return measure(
                cluster,
                sql=sql,
                database=database,
                table=table,
                columns=columns,
                deployment=deployment,
                sample=sample,
                folder=None if folder is None else Path(folder),
                tolerance=tolerance,
            )
    except DeclarationError as error:
        raise DeclarationError(f"feature view {view!r}: {error.message}", where=where, hint=error.hint) from None


def measure(
    cluster: Cluster,
    *,
    sql: str,
    database: str,
    table: str,
    columns: Mapping[str, ColumnType],
    deployment: str,
    sample: int = 1000,
    folder: Path | None = None,
    tolerance: float = TOLERANCE,
) -> ConsistencyReport:
    """Ask for the features of some of a table's offline rows, by a batch query and by requests to a deployment.

    Both sides take the rows as requests: over what is stored, their own stored copies included (see `as_requests`). So
    equal data and equal rules give equal features, and neither rows that are stored already nor rows of the same time
    give a false alarm. The live table is only read. A table of its own with the sample is made, offline, and dropped.

    Args:
        sql: the feature query, without placeholders.
        table, columns: the source table.
        deployment: what is asked online.
        sample: about how many rows; fewer if some are equal, or there are no more.
        folder: where OpenMLDB's offline jobs and this process both read and write files; by default a temporary one,
            which does when both run on one machine.
        tolerance: by what part floating-point numbers may differ.

    Raises:
        DeclarationError: the query cannot be asked for in batch mode, or ``sample`` is no number of rows.
        ServerError: OpenMLDB refuses something, there are no offline rows, or the deployment takes other rows.
        UnreachableError: it does not answer.
        MissingExtraError: pyarrow is not installed.
    """
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise DeclarationError(f"sample={sample!r} is not a number of rows")
    probes = f"dsflow_probes_{uuid.uuid4().hex[:8]}"
    batch = as_requests(sql, table, probes, list(columns))
    inputs, outputs = cluster.deployment(database, deployment)
    if inputs != dict(columns):
        raise ServerError(
            f"the deployment {database}.{deployment} takes rows of {_told(inputs)}, and {table} is declared with"
            f" {_told(columns)}"
        )
    with tempfile.TemporaryDirectory(prefix="dsflow-consistency-", dir=folder) as name:
        place = Path(name)
        place.chmod(0o777)  # OpenMLDB's jobs may run as another user
        rows = _sample(cluster, database, table, columns, time_column(sql, table, list(columns)), sample, place)
        offline = _offline(cluster, database, probes, columns, batch, rows, place)
    online = cluster.features(database, deployment, outputs, rows)
    answers = [offline.get(_key(row.values())) for row in rows]
    lacking = next(({*outputs} - {*answer} for answer in answers if answer is not None), set())
    if lacking:
        raise ServerError(
            f"the deployment {database}.{deployment} gives {', '.join(sorted(lacking))}, which the query does not",
            hint="it is a deployment of another query",
        )
    found, missing, different = compare(outputs, rows, answers, online, tolerance)
    return ConsistencyReport(
        database=database,
        table=table,
        deployment=deployment,
        rows=len(rows),
        missing=missing,
        different=different,
        tolerance=tolerance,
        columns=found,
    )


def _sample(
    cluster: Cluster,
    database: str,
    table: str,
    columns: Mapping[str, ColumnType],
    time: str,
    sample: int,
    place: Path,
) -> list[dict[str, Any]]:
    """Rows from all over the offline table, no two of them equal; the same ones each time."""
    spread = time or next(iter(columns))
    every = max(1, cluster.online_rows(database, table) // (_SPARE * sample))
    rows: list[dict[str, Any]] = []
    for condition in [f" WHERE hash64({spread}) % {every} = 0"] * (every > 1) + [""]:
        target = place / f"rows{len(condition)}"
        cluster.job(
            database,
            f"SELECT * FROM {table}{condition} LIMIT {_SPARE * sample}"
            f" INTO OUTFILE 'file://{target}' OPTIONS(format='parquet', mode='overwrite')",
        )
        rows = _read(target)
        if len(rows) >= sample:
            break
    distinct = list({_key(row.values()): row for row in rows}.values())
    if not distinct:
        raise ServerError(
            f"there are no offline rows in {database}.{table} to compare",
            hint="load the table offline first, as training does",
        )
    if len(distinct) > sample:
        distinct = random.Random(0).sample(distinct, sample)
    return [{name: row[name] for name in columns} for row in distinct]


def _offline(
    cluster: Cluster,
    database: str,
    probes: str,
    columns: Mapping[str, ColumnType],
    batch: str,
    rows: Sequence[Row],
    place: Path,
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The batch query's features of the rows, by the rows' values."""
    file, target = place / "probes.parquet", place / "features"
    write_rows(file, columns, rows)
    file.chmod(0o666)
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    cluster.run(database, f"CREATE TABLE {probes} ({declared})")
    try:
        cluster.job(
            database,
            f"LOAD DATA INFILE 'file://{file}' INTO TABLE {probes} OPTIONS(format='parquet', mode='overwrite')",
        )
        cluster.job(database, f"{batch} INTO OUTFILE 'file://{target}' OPTIONS(format='parquet', mode='overwrite')")
    finally:
        cluster.run(database, f"DROP TABLE {probes}")
    keys = [f"{KEY}{number}" for number in range(len(columns))]
    return {_key(row.pop(key) for key in keys): row for row in _read(target)}


def _read(folder: Path) -> list[dict[str, Any]]:
    if not folder.is_dir():
        raise ServerError(
            f"OpenMLDB's offline job wrote files to {folder}, which is not to be seen here",
            hint="give a folder (--folder) that OpenMLDB's TaskManager and this machine share",
        )
    return read_rows(folder)


def _key(values: Any) -> tuple[Any, ...]:
    return tuple("NaN" if value != value else value for value in values)


def _told(columns: Mapping[str, ColumnType]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
