from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dsflow import FeatureView, OpenMLDB, Shell, Table, Workflow
from dsflow import types as t
from dsflow.errors import ParameterError
from dsflow.openmldb import sdk
from dsflow.validation import check
from dsflow.validation.rules import RULES
from tests.unit.openmldb.sdk.fake import fake_sdk

DIES = """
import os, signal
kTypeBool, kTypeInt16, kTypeInt32, kTypeInt64, kTypeFloat, kTypeDouble = range(6)
kTypeString, kTypeDate, kTypeTimestamp = range(6, 9)
class ColumnDescPair:
    def __init__(self, *a): pass
TableColumnDescPair = DBTableColumnDescPair = ColumnDescPair
ColumnDescVector = TableColumnDescPairVector = DBTableColumnDescPairVector = list
def ValidateSQLInBatch(*_): os.kill(os.getpid(), signal.SIGSEGV)
"""


def view_workflow(sql: str = "SELECT ip FROM clicks") -> Workflow:
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", ip=t.Int)
        view = FeatureView("view", source=clicks, sql=sql)
        clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
    return wf


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DSFLOW_OPENMLDB_SDK", str(tmp_path))
    monkeypatch.setattr(sdk.install, "_unsupported", lambda: "")


@pytest.mark.usefixtures("no_compiler")
def test_without_openmldbs_compiler_the_embedded_one_compiles() -> None:
    report = check(view_workflow("SELECT ipp FROM clicks"))
    [finding] = report.findings
    assert (finding.code, finding.hint) == ("DSF102", "did you mean 'ip'?")
    assert "the embedded OpenMLDB refuses the query" in finding.message
    [note] = report.notes
    for rule in RULES:
        assert (rule.code in note) == (rule.compiles and not rule.embedded)
    assert "--install-compiler" in note
    assert report.compiled_by == "embedded"


@pytest.mark.usefixtures("no_compiler")
def test_an_unknown_function_gets_a_suggestion() -> None:
    [finding] = check(view_workflow("SELECT uper(ip) AS ip FROM clicks")).findings
    assert (finding.code, finding.hint) == ("DSF102", "did you mean 'upper'?")


@pytest.mark.usefixtures("no_compiler")
def test_sql_that_nobody_compiled_is_never_ok() -> None:
    report = check(view_workflow("SELECT farm_fingerprint(ip) AS ip FROM clicks"))
    compiled = report.compiled_by
    assert check(view_workflow(), compiler=False).compiled_by == ""
    # what the embedded OpenMLDB does not run may be right
    assert (compiled == "") == any(finding.code == "DSF107" for finding in report.findings)


@pytest.mark.usefixtures("no_compiler")
def test_without_the_compiler_syntax_is_still_checked() -> None:
    [finding] = check(view_workflow("SELECT ip FROM clicks WHERE")).findings
    assert finding.code == "DSF101"


def test_no_sql_no_compiler() -> None:
    with Workflow("w", project="p") as wf:
        Shell("a", "echo a")
    assert check(wf).notes == ()


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    found = fake_sdk(tmp_path, DIES)
    monkeypatch.setattr(sdk, "find_sdk", lambda: found)
    yield
    sdk.shared_compiler(found).close()


@pytest.mark.usefixtures("dying")
def test_a_query_that_kills_the_compiler_is_a_finding() -> None:
    report = check(view_workflow())
    assert [(f.code, f.severity) for f in report.findings] == [("DSF107", "warning")]
    assert "SIGSEGV" in report.findings[0].message


def test_values_are_what_is_checked() -> None:
    with Workflow("w", project="p", params={"n": "3"}) as wf:
        t_ = Table("t", database="db", a=t.Int)
        out = OpenMLDB("o", "USE db; SELECT a FROM t LIMIT ${n} INTO OUTFILE '/x' OPTIONS(mode='overwrite')")
        t_.create() >> t_.load_offline("/d.csv") >> out
    assert check(wf).ok
    assert [f.code for f in check(wf, {"n": "many"}).findings] == ["DSF101"]
    with pytest.raises(ParameterError):
        check(wf, {"m": "3"})


def test_sql_that_is_in_no_literal_is_quoted_below_the_declaration(tmp_path: Path) -> None:
    words = ["SELECT", "ip,", "nope(", "FROM", "clicks"]
    sql = " ".join(words)
    [finding] = check(view_workflow(sql)).findings
    assert finding.where is not None
    assert finding.where.column is not None
    declaration, at, label, text, caret = finding.excerpt.splitlines()
    assert declaration[finding.where.column - 1 :].startswith("FeatureView(")
    assert at.index("^") == finding.where.column - 1
    assert label == "  in its text:"
    assert text == sql
    assert caret.endswith("^")


def test_a_script_of_its_own_file_is_pointed_into(tmp_path: Path) -> None:
    from dsflow.cli.loading import load_workflow

    (tmp_path / "train.py").write_text("x = 1\nprint(f(\n")
    (tmp_path / "run.sh").write_text("echo a\nif true; then\n  echo b\n")
    (tmp_path / "p.py").write_text(
        "from dsflow import Python, Shell, Workflow\n"
        "with Workflow('w', project='p') as wf:\n"
        "    Python('train', file='train.py')\n"
        "    Shell('run', file='run.sh')\n"
    )
    report = check(load_workflow(str(tmp_path / "p.py")))
    places = {f.code: (Path(f.where.file).name, f.where.line) for f in report.findings if f.where}
    assert places == {"DSF301": ("train.py", 2), "DSF302": ("run.sh", 4)}


def test_a_missing_script_is_said_once(tmp_path: Path) -> None:
    with Workflow("w", project="p") as wf:
        Shell("run", file="nowhere.sh")
    [finding] = check(wf).findings
    assert finding.code == "DSF200"
    assert "nowhere.sh" in finding.message


def test_a_notebooks_cell_is_quoted() -> None:
    import linecache

    cell = 'from dsflow import Shell, Workflow\nwith Workflow("w", project="p", params={"unused": 1}) as wf:\n'
    cell += '    Shell("a", "echo a")\n'
    name = "/nowhere/ipykernel_1/1.py"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    namespace: dict[str, object] = {}
    exec(compile(cell, name, "exec"), namespace)
    workflow = namespace["wf"]
    assert isinstance(workflow, Workflow)
    [finding] = check(workflow).findings
    assert finding.where is not None
    assert (finding.code, finding.where.file, finding.where.line) == ("DSF204", name, 2)
    assert '"unused": 1' in finding.excerpt


OUTSIDE = [
    "CREATE FUNCTION f(x int) RETURNS int OPTIONS(FILE='/x.so')",
    "ALTER USER u SET OPTIONS(password='')",
    "EXIT",
]


@pytest.mark.parametrize("compiler", [True, False])
@pytest.mark.parametrize("sql", OUTSIDE)
def test_statements_that_no_rule_reads_are_said_to_be_unchecked(sql: str, compiler: bool) -> None:
    with Workflow("w", project="p") as wf:
        OpenMLDB("o", ["USE db", sql], "online")
    report = check(wf, compiler=compiler)
    assert report.findings == ()
    assert [note for note in report.notes if "task 'o': no rule reads " + sql[:20] in note]


def test_nested_too_deeply_is_said() -> None:
    report = check(view_workflow("SELECT " + "(" * 3000 + "ip" + ")" * 3000 + " AS x FROM clicks"), compiler=False)
    assert [(f.code, "nested too deeply" in f.message) for f in report.findings] == [("DSF101", True)]
