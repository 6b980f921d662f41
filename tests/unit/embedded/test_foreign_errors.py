"""No error of the database below reaches a user: whatever a statement does, its error is in OpenMLDB's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from dsflow.embedded.engine import Engine
from dsflow.errors import DsflowError

FOREIGN = re.compile(
    r"duckdb|\b(Binder|Catalog|Parser|Conversion|Invalid Input|IO|Out of Range|Constraint|Internal|Syntax) Error\b"
    r"|Not implemented Error|TransactionContext|Invalid Error|read_csv|read_parquet|HUGEINT|VARCHAR|LINE \d+:|Traceback"
    r"|__row|dsflow\.jobs",
)
"""Words of DuckDB and of its SQL."""

MAX = 2**63 - 1


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("foreign")) as engine:
        engine.execute("CREATE DATABASE db")
        columns = "id int, k string, ts timestamp, i int, l bigint, f float, d double, s string, dt date"
        engine.execute(f"CREATE TABLE t ({columns})", "db")
        rows = [
            f"({n}, 'a', {time}, {2**31 - 1}, {big}, {f}, {d}, '{s}', '{dt}')"
            for n, (time, big, f, d, s, dt) in enumerate(
                [
                    (0, MAX, 1e38, 1.7e308, "[", "9999-12-31"),
                    (1, -MAX, -1e38, -1.7e308, "a{99999}", "1900-01-01"),
                    (MAX, 0, 1e20, 1e300, "(?=x)", "2020-02-29"),
                    (MAX - 1, MAX - 1, 0.1, 1e19, '{"a":', "2020-02-29"),
                ]
            )
        ]
        for mode in ("online", "offline"):
            engine.execute(f"INSERT INTO t VALUES {', '.join(rows)}", "db", mode=mode)
        yield engine


def told(engine: Engine, statement: str, mode: str = "online") -> str:
    """What a user reads of a statement: its error, or that of its job and the job's log; "" when it went well."""
    try:
        result = engine.execute(statement, "db", mode=mode)
    except DsflowError as error:
        return str(error)
    if result.job is None or result.job.state == "FINISHED":
        return ""
    return f"{result.job.error}\n{result.job.log}"


FUNCTIONS = """abs ceil floor exp ln log log2 log10 sqrt sin tan asin acos degrees radians upper lower reverse
    char_length year month day hour minute second dayofweek weekofyear last_day date timestamp string int smallint
    bigint float double bool unix_timestamp hex unhex hash64 char json_array_length round truncate"""
TWO = """regexp_like get_json_object pow substring date_format datediff add_months split pmod round like_match replace
    concat strcmp locate list_except_by_key"""


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_values_at_the_extremes(engine: Engine, mode: str) -> None:
    found = []
    columns = ["i", "l", "f", "d", "s", "ts", "dt"]
    calls = [f"{name}({column})" for name in FUNCTIONS.split() for column in columns]
    calls += [f"{name}({a}, {b})" for name in TWO.split() for a in columns for b in ("s", "l", "d", "ts")]
    calls += [f"date_format({c}, '%Y-%m-%d %H')" for c in ("ts", "dt")]
    calls += [f"CAST({a} AS {kind})" for a in columns for kind in ("int", "string", "timestamp", "date", "float")]
    calls += [f"{a} {sign} {b}" for a in columns for b in columns for sign in ("+", "*", "%", "DIV", "-", "/")]
    calls += ["timestamp(l)", "date(timestamp(l))", "hour(timestamp(l))", "regexp_like(reverse(s), s)", "-l", "~l"]
    for call in calls:
        text = told(engine, f"SELECT id, {call} AS c FROM t", mode)
        if FOREIGN.search(text):
            found.append(f"{call}: {text.splitlines()[0]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_aggregates_at_the_extremes(engine: Engine, mode: str) -> None:
    found = []
    window = "WINDOW w AS (PARTITION BY k ORDER BY {} {})"
    frames = [
        "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
        "ROWS_RANGE BETWEEN 1s PRECEDING AND CURRENT ROW",
        f"ROWS_RANGE BETWEEN {MAX} PRECEDING AND CURRENT ROW",
        f"ROWS_RANGE BETWEEN {MAX} PRECEDING AND {MAX - 1} PRECEDING",
        f"ROWS BETWEEN {MAX} PRECEDING AND CURRENT ROW",
        "ROWS_RANGE BETWEEN 99999999999d PRECEDING AND CURRENT ROW MAXSIZE 2",
    ]
    calls = [f"{name}({c})" for name in ("sum", "avg", "min", "max", "drawdown", "median", "stddev") for c in "ilfd"]
    calls += ["ew_avg(d, 1.5)", "ew_avg(l, -3.0)", "count_cate(i, l)", "sum_cate(d, l)", "avg_cate(f, i)", "top(d, 2)"]
    calls += ["topn_frequency(l, 3)", "max_cate_where(l, i > 0, k)", "distinct_count(d)", "window_split(s, ',')"]
    queries = [f"SELECT id, {call} OVER w AS c FROM t {window.format('ts', frames[0])}" for call in calls]
    for frame in frames:
        queries += [f"SELECT id, sum(l) OVER w AS c FROM t {window.format(o, frame)}" for o in ("ts", "l", "i")]
    for query in queries:
        text = told(engine, query, mode)
        if FOREIGN.search(text):
            found.append(f"{query}: {text.splitlines()[0]}")
    assert not found, "\n".join(found)


def test_requests_at_the_extremes(engine: Engine) -> None:
    rows = [
        [9, "a", MAX, 2**31 - 1, MAX, 3e38, 1.7e308, "[", None],
        [9, None, None, None, None, None, None, None, None],
    ]
    found = []
    for call in ("date(timestamp(l))", "hour(ts)", "regexp_like(k, s)", "sum(l) OVER w", "count_cate(i, d) OVER w"):
        window = " WINDOW w AS (PARTITION BY k ORDER BY ts ROWS_RANGE BETWEEN 3s PRECEDING AND CURRENT ROW)"
        for row in rows:
            try:
                engine.request_once(f"SELECT id, {call} AS c FROM t{window if 'OVER' in call else ''}", "db", [row])
            except DsflowError as error:
                if FOREIGN.search(str(error)):
                    found.append(f"{call}: {error}")
    assert not found, "\n".join(found)


FILES = {
    "not.parquet": b"this is no Parquet",
    "cut.parquet": b"PAR1\x15\x04\x15\x10PAR1",
    "empty.parquet": b"",
    "nul.csv": b"id,k,ts,i,l,f,d,s,dt\n1,a\x00b,1,1,1,1,1,x,2020-01-01\n",
    "latin.csv": b"id,k,ts,i,l,f,d,s,dt\n1,caf\xe9,1,1,1,1,1,x,2020-01-01\n",
    "wide.csv": b"id,k,ts,i,l,f,d,s,dt\n1,a,1,1,1,1,1,x,2020-01-01,7,8\n",
    "big.csv": b"id,k,ts,i,l,f,d,s,dt\n99999999999999999999,a,1,1,1,1,1,x,2020-01-01\n",
    "quote.csv": b'id,k,ts,i,l,f,d,s,dt\n1,"a,1,1,1,1,1,x,2020-01-01\n',
    "packed.csv.gz": b"\x1f\x8b\x08\x00broken",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_files_that_cannot_be_loaded(engine: Engine, tmp_path: Path, name: str, mode: str) -> None:
    file = tmp_path / name
    file.write_bytes(FILES[name])
    kind = "parquet" if "parquet" in name else "csv"
    for deep in ("true", "false") if mode == "offline" else ("true",):
        options = f"OPTIONS(format='{kind}', mode='append', deep_copy={deep})"
        text = told(engine, f"LOAD DATA INFILE '{file}' INTO TABLE t {options}", mode)
        assert not FOREIGN.search(text.replace(str(tmp_path), "").replace(name, "")), text
        if name not in ("latin.csv", "big.csv", "nul.csv", "empty.parquet"):
            assert name in text or deep == "false", text


def test_results_that_cannot_be_written(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (f"{tmp_path}/file/below", "/proc/none/x", f"{tmp_path}/{'n' * 300}"):
        for mode in ("online", "offline"):
            for kind in ("csv", "parquet"):
                options = f"OPTIONS(format='{kind}', mode='overwrite')"
                text = told(engine, f"SELECT * FROM t INTO OUTFILE '{target}' {options}", mode)
                assert not FOREIGN.search(text.replace(str(tmp_path), "")), text


STATEMENTS = [
    'CREATE TABLE `a"b` (`x"y` int)',
    "CREATE TABLE `__row` (__row int)",
    "CREATE TABLE `select` (`from` int, `FROM` int)",
    "CREATE TABLE x1 (a int, A int)",
    "CREATE TABLE x2 (a decimal(10, 2))",
    "CREATE TABLE x3 (a int, INDEX(KEY=b))",
    "CREATE TABLE x4 ()",
    "ALTER TABLE t ADD COLUMN k int",
    "CREATE INDEX x ON t (nope) OPTIONS(ts=ts)",
    "DROP TABLE nope",
    "DROP DATABASE db",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t (id, id) VALUES (1, 2)",
    f"INSERT INTO t (id, ts) VALUES ({MAX}, {MAX})",
    "INSERT INTO t (id, dt) VALUES (1, '2020-13-45')",
    "DELETE FROM t WHERE nope = 1",
    "TRUNCATE TABLE nope",
    "DEPLOY d SELECT * FROM nope",
    "EXPLAIN SELECT nope FROM t",
    "SHOW CREATE TABLE nope",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_that_fail(engine: Engine, statement: str) -> None:
    text = told(engine, statement)
    assert not FOREIGN.search(text.replace("__row", "") if "__row" in statement else text), text
