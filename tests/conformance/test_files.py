"""Files as OpenMLDB reads and writes them: what its own code gave for some thousand of them, with Spark 3.2.1.

The answers are in ``recorder/files_*.jsonl``; ``recorder/record_files.py`` says how they came there. The embedded
engine may refuse a file by name; it may not read or write one differently.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

import duckdb

from dsflow.embedded import loading
from dsflow.embedded.catalog import Table
from dsflow.embedded.compiler import Column, duckdb_type, register_udfs
from dsflow.embedded.failures import LoadError, OutfileError
from dsflow.embedded.options import LoadOptions
from dsflow.embedded.outfile import OutfileOptions, write_folder
from dsflow.embedded.parquetfiles import FIRST_DAY, FIRST_TIME_MS
from dsflow.embedded.sparkvalues import TimeForm, form_of, sql_is_bad, sql_of_text
from dsflow.embedded.storage import quote
from dsflow.openmldb.types import ColumnType
from tests.conformance.recorder import file_cases
from tests.conformance.recorder.file_cases import Case
from tests.conformance.recorder.record_files import PARQUET, PLACES, TEXTS, VALUES, WRITTEN

# how many of the recorded files or values are refused though OpenMLDB reads them: what has been reached stays reached
REFUSED = {"values": 70, "texts": 400, "places": 18, "parquet": 3, "written": 17}


def _recorded(path: Path) -> Iterator[Any]:
    with open(path, encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    connection = duckdb.connect(config={"threads": 1})
    register_udfs(connection)
    yield connection
    connection.close()


def _plain(value: Any) -> Any:
    """A stored value as the recorder says it: floats as texts."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _same(found: Any, recorded: Any, kind: str) -> bool:
    if kind not in ("float", "double") or found is None or recorded is None:
        return bool(_plain(found) == (recorded.removeprefix("+") if kind == "date" and recorded else recorded))
    other = float(recorded)
    if math.isnan(found) or math.isnan(other):
        return math.isnan(found) and math.isnan(other)
    if kind == "float":
        found, other = (struct.pack("f", number) for number in (found, other))
        return bool(found == other)
    return bool(struct.pack("d", found) == struct.pack("d", other))


def _read(connection: Any, case: Case, folder: Path) -> list[list[Any]]:
    file_cases.make(case, folder)
    columns = tuple(Column(c[0], ColumnType.parse(c[1]), len(c) < 3 or not c[2]) for c in case["columns"])
    table = Table(tid=1, db="db", name="t", columns=columns, indexes=())
    options = LoadOptions.of({**case["options"], "format": case.get("format", "csv"), "mode": "append"})
    staged = loading.stage(connection, table, f"{folder}/{case['path']}", options)
    names = ", ".join(quote(column.name) for column in columns)
    rows = connection.execute(f"SELECT {names} FROM {staged.place.relation} ORDER BY rowid").fetchall()
    return [list(row) for row in rows]


def _equal(found: list[list[Any]], case: Case, *, ordered: bool) -> bool:
    kinds = [column[1] for column in case["columns"]]
    recorded = case["rows"]
    if not ordered:
        found, recorded = sorted(found, key=repr), sorted(recorded, key=repr)
    return len(found) == len(recorded) and all(
        all(_same(*pair) for pair in zip(row, other, kinds, strict=False))
        for row, other in zip(found, recorded, strict=True)
    )


def _replay(connection: Any, path: Path, tmp_path: Path, *, ordered: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    wrong, unnamed = [], []
    for number, case in enumerate(_recorded(path)):
        try:
            found = _read(connection, case, tmp_path / str(number))
        except LoadError as error:
            counts["refused by both" if "error" in case else "refused by name"] += 1
            unnamed += [case] if not str(error).strip() else []
            continue
        if "error" in case or not _equal(found, case, ordered=ordered):
            wrong.append((case, found))
        else:
            counts["equal"] += 1
    assert not unnamed
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"
    return counts


@pytest.mark.parametrize(("path", "ordered"), [(TEXTS, True), (PLACES, False), (PARQUET, False)])
def test_a_file_is_read_as_openmldb_reads_it_or_refused(
    connection: Any, path: Path, ordered: bool, tmp_path: Path, record_property: Any
) -> None:
    counts = _replay(connection, path, tmp_path, ordered=ordered)
    record_property("counts", str(dict(counts)))
    assert counts["refused by name"] <= REFUSED[path.stem.removeprefix("files_")], counts


def test_a_value_is_read_as_openmldb_reads_it_or_is_bad(connection: Any) -> None:
    by_type: dict[str, list[tuple[str, Any]]] = {}
    for kind, text, recorded in _recorded(VALUES):
        by_type.setdefault(kind, []).append((text, recorded))
    counts: Counter[str] = Counter()
    wrong = []
    for kind, cases in by_type.items():
        for (bad, found), (text, recorded) in zip(_values(connection, kind, cases), cases, strict=True):
            if bad:
                counts["null or a failed job there" if recorded is None else "refused by name"] += 1
            elif _same(found, recorded, kind):
                counts["equal"] += 1
            else:
                wrong.append((kind, text, found, recorded))
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:5]}"
    assert counts["refused by name"] <= REFUSED["values"], counts


def _values(connection: Any, kind: str, cases: list[tuple[str, Any]]) -> list[tuple[bool, Any]]:
    """Of each text whether it is bad, and its value in the offline table."""
    type_, texts = ColumnType.parse(kind), [text for text, _ in cases]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE texts AS"
        " SELECT unnest($1) AS t, unnest($2) = 'milliseconds' AS whole, unnest(range(len($1))) AS n",
        [texts, [form_of(text) for text in texts]],
    )
    given = "nullif(t, 'null')"
    bad, value = sql_is_bad(type_, given), sql_of_text(type_, given)
    if type_ is ColumnType.TIMESTAMP:
        forms: list[TimeForm] = ["milliseconds", "text"]
        bad, other = (sql_is_bad(type_, given, form) for form in forms)
        bad = f"if(whole, {bad}, {other})"
        value, other = (sql_of_text(type_, given, form) for form in forms)
        value = f"if(whole, {value}, {other})"
    rows = connection.execute(
        f"SELECT bad, CASE WHEN bad THEN NULL ELSE {value} END FROM (SELECT *, {bad} AS bad FROM texts) ORDER BY n"
    ).fetchall()
    return [(bad or _is_old(type_, value), value) for bad, value in rows]


def _is_old(kind: ColumnType, value: Any) -> bool:
    """Whether OpenMLDB's job fails on the value, since offline rows are kept in Parquet."""
    if kind is ColumnType.TIMESTAMP:
        return value is not None and value < FIRST_TIME_MS
    return kind is ColumnType.DATE and value is not None and (str(value) < FIRST_DAY or "BC" in str(value))


def test_a_file_is_written_byte_for_byte_or_refused(connection: Any, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for case in _recorded(WRITTEN):
        try:
            found = _written(connection, case, tmp_path / "out")
        except (OutfileError, LoadError):
            # around such a text Spark writes NUL characters, which nothing reads
            counts["refused by name" if "\0" in (case["text"] or "\0") else "refused though it is read"] += 1
            continue
        if found == case["text"]:
            counts["equal"] += 1
        else:
            wrong.append((case, found))
    assert not wrong, f"{len(wrong)} differ, such as {wrong[:3]}"
    assert counts["refused though it is read"] == 0
    assert counts["refused by name"] <= REFUSED["written"], counts


def _written(connection: Any, case: Case, folder: Path) -> str:
    columns = [Column(name, ColumnType.parse(kind)) for name, kind in case["columns"]]
    described = ", ".join(f"c{n} {duckdb_type(column.type)}" for n, column in enumerate(columns))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE written ({described}, place INTEGER)")
    for place, row in enumerate(case["rows"]):
        values = [_given(value, column.type) for value, column in zip(row, columns, strict=True)]
        connection.execute(f"INSERT INTO written VALUES ({', '.join('?' * (len(row) + 1))})", [*values, place])
    names = ", ".join(f"c{n}" for n in range(len(columns)))
    options = OutfileOptions.of({**case["options"], "mode": "overwrite"})
    write_folder(connection, f"SELECT {names} FROM written ORDER BY place", columns, str(folder), options)
    return b"".join(part.read_bytes() for part in sorted(folder.glob("part-*"))).decode()


def _given(value: Any, kind: ColumnType) -> Any:
    if value is None:
        return None
    if kind is ColumnType.DATE:
        return dt.date.fromisoformat(value)
    if kind in (ColumnType.FLOAT, ColumnType.DOUBLE):
        number = float(value)
        return math.copysign(math.inf, number) if kind is ColumnType.FLOAT and abs(number) > 3.5e38 else number
    return value
