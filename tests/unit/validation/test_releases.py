"""What the releases of OpenMLDB take: by the profile's word, and as their own compilers say."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from dsflow.cli.loading import load_workflow
from dsflow.errors import ConfigError
from dsflow.openmldb.releases import RELEASES, SINCE
from dsflow.openmldb.sdk import Compiler
from dsflow.validation import check
from tests.conformance.signatures import scalars

PIPELINE = """
    from dsflow import FeatureView, Table, Workflow, types as t

    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int, tags=t.String, ts=t.Timestamp)
        view = FeatureView("view", source=clicks, sql='''{sql}''')
        clicks.create() >> view.deploy("d", range_bias="inf", rows_bias="inf")
"""
WINDOW = "WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"
LOCATE = f"SELECT locate('a', tags) AS at1, count(ip) OVER w AS n FROM clicks {WINDOW}"
TWICE = f"SELECT count({{what}}) OVER w AS a, count({{what}}) OVER w AS b FROM clicks {WINDOW}"


def found(tmp_path: Path, sql: str, release: str | None) -> list[tuple[str, str]]:
    file = tmp_path / "p.py"
    file.write_text(textwrap.dedent(PIPELINE).replace("{sql}", sql), encoding="utf-8")
    report = check(load_workflow(str(file)), release=release)
    return [(f.code, f.severity) for f in report.findings if f.code == "DSF113"]


@pytest.mark.parametrize("release", RELEASES)
def test_function_of_a_later_release(tmp_path: Path, release: str) -> None:
    assert found(tmp_path, LOCATE, release) == ([("DSF113", "error")] if release == "0.9.0" else [])


@pytest.mark.parametrize("what", ["*", "tags", "ts", "ip + 1"])
def test_count_twice(tmp_path: Path, what: str) -> None:
    sql = TWICE.format(what=what)
    assert found(tmp_path, sql, "0.9.3") == [("DSF113", "error")]
    assert found(tmp_path, sql, None) == [("DSF113", "warning")]
    assert found(tmp_path, sql, "0.9.2") == []


def test_count_of_a_number_twice(tmp_path: Path) -> None:
    assert found(tmp_path, TWICE.format(what="ip"), "0.9.3") == []


def test_unknown_release(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'0\.8' is no known release"):
        found(tmp_path, LOCATE, "0.8")


def test_the_newer_functions_are_functions(compiler: Compiler) -> None:
    """Each is taken by the compiler of 0.9.2 in one of its calls."""
    columns = [("b", "bool"), ("s", "smallint"), ("i", "int"), ("l", "bigint"), ("f", "float"), ("d", "double")]
    columns += [("v", "string"), ("ts", "timestamp"), ("dt", "date")]
    for name in SINCE:
        calls = [call for call in scalars() if call.startswith(f"`{name}`")]
        assert any(compiler.validate(f"SELECT {c} AS c FROM t", "db", {"db": {"t": columns}}) is None for c in calls)
