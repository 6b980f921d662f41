from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsflow.openmldb.indexes import IndexNeed
from dsflow.openmldb.sdk import Compiler, CompilerError
from dsflow.openmldb.ttl import Ttl
from tests.unit.openmldb.sdk.fake import fake_sdk

CATALOG = {
    "db": {
        "t": [("ip", "int"), ("app", "int"), ("ts", "timestamp"), ("name", "string")],
        "u": [("id", "int"), ("ts", "timestamp")],
    }
}
WINDOWS = (
    "SELECT ip, count(ip) OVER a AS n, count(ip) OVER b AS m FROM t WINDOW"
    " a AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW),"
    " b AS (PARTITION BY ip, app ORDER BY ts ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)"
)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Compiler]:
    compiler = Compiler(fake_sdk(tmp_path), timeout=5)
    yield compiler
    compiler.close()


def test_stays_warm(fake: Compiler) -> None:
    first, second = (fake.validate("no", "db", CATALOG) for _ in range(2))
    assert first == second
    assert first is not None
    assert first.trace.isdigit()  # the child's process id


def test_a_position_is_read_from_the_message(fake: Compiler) -> None:
    refusal = fake.validate("syntax", "db", {})
    assert refusal is not None
    assert (refusal.message, refusal.line, refusal.column, refusal.is_syntax) == ("Syntax error: here", 2, 7, True)


def test_a_crash_is_one_message_and_not_the_end(fake: Compiler) -> None:
    with pytest.raises(CompilerError, match=r"died while compiling crash \(signal SIGSEGV\): about to fall"):
        fake.validate("crash", "db", CATALOG)
    assert fake.validate("ok", "db", CATALOG) is None


def test_a_hang_ends_at_the_timeout(tmp_path: Path) -> None:
    compiler = Compiler(fake_sdk(tmp_path), timeout=1)
    try:
        with pytest.raises(CompilerError, match="no answer within 1 s while compiling hang"):
            compiler.validate("hang", "db", CATALOG)
        compiler.timeout = 5
        assert compiler.validate("ok", "db", CATALOG) is None
    finally:
        compiler.close()


def test_an_exception_inside_is_told(fake: Compiler) -> None:
    with pytest.raises(CompilerError, match="ValueError: no such thing"):
        fake.validate("raise", "db", CATALOG)
    assert fake.validate("ok", "db", CATALOG) is None


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    compiler = Compiler(fake_sdk(tmp_path, "raise ImportError('wrong libc')"), timeout=5)
    with pytest.raises(CompilerError, match="failed while loading OpenMLDB's compiler: ImportError: wrong libc"):
        compiler.validate("ok", "db", CATALOG)
    compiler.close()


def test_closing_twice_and_asking_again(fake: Compiler) -> None:
    fake.close()
    fake.close()
    assert fake.validate("ok", "db", CATALOG) is None


# ---- the real one


def test_real_validate(compiler: Compiler) -> None:
    assert compiler.validate(WINDOWS, "db", CATALOG) is None
    assert compiler.validate(WINDOWS, "db", CATALOG, "request") is None
    refusal = compiler.validate("SELECT nope FROM t", "db", CATALOG)
    assert refusal is not None
    assert "nope" in refusal.message
    syntax = compiler.validate("SELECT ip\nFORM t x", "db", CATALOG)
    assert syntax is not None
    assert (syntax.is_syntax, syntax.line) == (True, 2)


def test_real_crash_hang_and_kill(compiler: Compiler) -> None:
    """Native code that dies, stands still or is killed costs the question at hand, and not the next one."""

    def asked(sql: str) -> str:
        try:
            return str(compiler.validate(sql, "db", CATALOG))
        except CompilerError as error:
            return error.message

    good = "SELECT ip FROM t"
    assert asked(good) == "None"
    for kind, says in (
        (signal.SIGSEGV, "signal SIGSEGV"),
        (signal.SIGKILL, "signal SIGKILL"),
        (signal.SIGSTOP, "no answer within 2 s"),
    ):
        assert compiler._child is not None
        os.kill(compiler._child.process.pid, kind)
        compiler.timeout, before = 2, compiler.timeout
        # one that died in time is not asked at all
        assert says in (told := asked(good)) or (kind != signal.SIGSTOP and told == "None")
        compiler.timeout = before
        assert asked(good) == "None"


def test_real_request_mode_is_stricter(compiler: Compiler) -> None:
    sql = "SELECT ip, count(app) AS n FROM t GROUP BY ip"
    assert compiler.validate(sql, "db", CATALOG) is None
    assert compiler.validate(sql, "db", CATALOG, "request") is not None


def test_real_schema(compiler: Compiler) -> None:
    sql = (
        "SELECT name, hour(ts) AS h, CAST(ip AS double) AS d, ts, count(ip) OVER w AS c FROM t"
        " WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"
    )
    expected = [("name", "string"), ("h", "int"), ("d", "double"), ("ts", "timestamp"), ("c", "bigint")]
    assert compiler.output_schema(sql, "db", CATALOG) == expected
    assert compiler.output_schema("SELECT nope FROM t", "db", CATALOG) is None


def test_real_indexes(compiler: Compiler) -> None:
    assert compiler.needed_indexes(WINDOWS, "db", CATALOG) == {
        "t": [
            IndexNeed(("app", "ip"), "ts", Ttl("latest", latest=10)),
            IndexNeed(("ip",), "ts", Ttl("absolute", 60)),
        ],
        "u": [],
    }
    unbounded = WINDOWS.replace("1h PRECEDING", "UNBOUNDED PRECEDING")
    assert IndexNeed(("ip",), "ts", Ttl()) in compiler.needed_indexes(unbounded, "db", CATALOG)["t"]


def test_real_dependencies(compiler: Compiler) -> None:
    sql = "SELECT t.ip FROM t LAST JOIN u ORDER BY u.ts ON t.ip = u.id"
    assert compiler.dependent_tables(sql, "db", CATALOG) == [("db", "t"), ("db", "u")]
