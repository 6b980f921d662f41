"""Where findings point, however the text came into the workflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dsflow.cli import main
from dsflow.cli.loading import load_workflow
from dsflow.validation import Finding, check

HEAD = """\
from pathlib import Path
from textwrap import dedent

from dsflow import FeatureView, OpenMLDB, Shell, Table, Workflow, types as t

HERE = Path(__file__).parent
"""
WINDOW = "WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)"


def findings(folder: Path, body: str, **files: str) -> list[Finding]:
    (folder / "p.py").write_text(HEAD + body, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return list(check(load_workflow(str(folder / "p.py"))).findings)


def marked(finding: Finding) -> tuple[str, str]:
    """The file, and what the caret of the excerpt points at."""
    assert finding.where is not None
    line, caret = finding.excerpt.splitlines()[:2]
    assert caret.strip() == "^"
    assert caret.index("^") == (finding.where.column or 0) - 1
    assert Path(finding.where.file).read_text().split("\n")[finding.where.line - 1].rstrip() == line
    return Path(finding.where.file).name, line[caret.index("^") :]


VIEW = """
with Workflow("w", project="p", params={"days": 3}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, ts=t.Timestamp)
    view = FeatureView("view", source=clicks, sql=%s)
    clicks.create() >> clicks.load_offline("/d.csv") >> view.extract("/out")
"""
ONE_LINE = f"SELECT ip, count(aap) OVER w AS n FROM clicks {WINDOW}"
MANY_LINES = f"""
        -- Zähler je Adresse
        SELECT ip, '特征' AS word,
            count(aap) OVER w AS n
        FROM clicks
        {WINDOW}
    """


@pytest.mark.parametrize(
    "literal",
    [
        repr(ONE_LINE),
        f'"""{MANY_LINES}"""',
        f'dedent("""{MANY_LINES}""")',
        f'r"""{MANY_LINES}""".replace("  ", " ")',
        'f"""' + MANY_LINES.replace("1h", "{wf.params.days}d") + '"""',
        '"SELECT ip, "\n        "count(aap) OVER w AS n "  # how often\n        "FROM clicks ' + WINDOW + '"',
    ],
    ids=["one line", "many lines", "dedented", "squeezed", "f-string", "in pieces"],
)
@pytest.mark.usefixtures("installed_compiler")
def test_of_a_literal(tmp_path: Path, literal: str) -> None:
    found = [f for f in findings(tmp_path, VIEW % literal) if f.code == "DSF102"]
    assert [marked(f)[0] for f in found] == ["p.py"]
    assert marked(found[0])[1].startswith("aap) OVER w")


@pytest.mark.parametrize("text", [ONE_LINE, MANY_LINES, f"-- first\n\n{MANY_LINES};\n"])
@pytest.mark.usefixtures("installed_compiler")
def test_of_a_file_of_sql(tmp_path: Path, text: str) -> None:
    literal = '(HERE / "view.sql").read_text()'
    found = [f for f in findings(tmp_path, VIEW % literal, view=text) if f.code == "DSF102"]
    assert [marked(f)[0] for f in found] == ["view.sql"]
    assert marked(found[0])[1].startswith("aap) OVER w")


STATEMENTS = """
with Workflow("w", project="p") as wf:
    OpenMLDB("steps", (HERE / "steps.sql").read_text(), "online")
"""


@pytest.mark.usefixtures("installed_compiler")
def test_of_statements_in_a_file(tmp_path: Path) -> None:
    text = "-- all\nUSE db; SET @@job_timeot=1; SET @@sync_job=true;\n\n  SET @@spark_conf=\n 'x';TRUNCATE db.t"
    found = findings(tmp_path, STATEMENTS, steps=text)
    assert [(f.code, marked(f)) for f in found] == [
        ("DSF123", ("steps.sql", "job_timeot=1; SET @@sync_job=true;")),
        ("DSF123", ("steps.sql", "spark_conf=")),
        ("DSF101", ("steps.sql", "db.t")),
    ]


def test_silences_in_a_file_of_sql(tmp_path: Path) -> None:
    first, second = "SET @@a=1;  -- dsflow: ignore[DSF123] ours has it", "SET @@b=1; -- dsflow: ignore[DSF123]"
    text = f"USE db;\n{first}\n{second}\n"
    found = findings(tmp_path, STATEMENTS, steps=text)
    assert [(f.code, f.where.line if f.where else 0) for f in found] == [("DSF123", 3), ("DSF901", 3)]


def test_a_condition_begins_with_its_first_column(tmp_path: Path) -> None:
    join = "SELECT ip, n FROM clicks LAST JOIN u ORDER BY u.ts ON clicks.ip = u.id AND u.n > 1"
    body = (
        VIEW % repr(join) + '    u = Table("u", database="db", id=t.Int, n=t.Int, ts=t.Timestamp)\n    view.deploy()\n'
    )
    [found] = [f for f in findings(tmp_path, body) if f.code == "DSF131"]
    assert marked(found)[1].startswith("clicks.ip = u.id")


def test_a_declaration_alone_on_its_line_has_a_column(tmp_path: Path) -> None:
    body = 'with Workflow("w", project="p") as wf:\n    a, b = 1, Shell("b", file="nowhere.sh")\n'
    [found] = findings(tmp_path, body)
    assert marked(found) == ("p.py", 'Shell("b", file="nowhere.sh")')


def test_a_line_of_edges_has_the_column_of_its_first_word(tmp_path: Path) -> None:
    body = 'with Workflow("w", project="p") as wf:\n    a, b = Shell("a", "echo"), Shell("b", "echo")\n'
    [found] = findings(tmp_path, body + "    a >> b\n    b >> a\n")
    assert (found.code, marked(found)) == ("DSF200", ("p.py", "b >> a"))


def test_of_several_on_one_line_none_is_guessed(tmp_path: Path) -> None:
    body = 'with Workflow("w", project="p") as wf:\n    Shell("a", "echo"); Shell("b", file="nowhere.sh")\n'
    [found] = findings(tmp_path, body)
    assert found.where is not None
    assert (found.where.line, found.where.column) == (8, None)


def test_steps_of_several_tasks_point_at_the_users_line(tmp_path: Path) -> None:
    body = """
with Workflow("w", project="p", params={"server": "127.0.0.1:8881", "db": "db"}) as wf:
    clicks = Table("clicks", database=wf.params.db, ip=t.Int)
    view = FeatureView("view", source=clicks, sql="SELECT ip FROM clicks")
    deploy = view.deploy("other")
    serve = view.serve(wf.params.server, model_path="/m.json", deployment="mine")
    clicks.create() >> deploy >> serve
"""
    found = findings(tmp_path, body)
    assert [(f.code, marked(f)) for f in found] == [
        ("DSF405", ("p.py", 'view.serve(wf.params.server, model_path="/m.json", deployment="mine")')),
        ("DSF141", ("p.py", '"mine")')),
    ]


REFUSED = 'with Workflow("w", project="p", schedule="0 0 25 * * ?") as wf:\n    Shell("a", "echo")\n'


def test_what_is_refused_as_the_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.py"
    path.write_text(HEAD + REFUSED)
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(path)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert said.err.splitlines()[0].endswith(
        "p.py:7:6: error DSF200: the schedule '0 0 25 * * ?': '25' is no hour: they go from 0 to 23"
    )
    assert said.err.splitlines()[1:4] == [f"  | {REFUSED.splitlines()[0]}", "  |      ^", said.err.splitlines()[3]]
    assert "hint:" in said.err.splitlines()[3]
    with pytest.raises(SystemExit):
        main(["validate", str(path), "--json"])
    [found] = json.loads(capsys.readouterr().out)["findings"]
    assert (found["code"], found["line"], found["column"]) == ("DSF200", 7, 6)


@pytest.mark.usefixtures("installed_compiler")
def test_a_dollar_that_is_meant_as_it_stands(tmp_path: Path) -> None:
    body = """
from dsflow import literal

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, name=t.String)
    sql = literal("SELECT ipp, name = '${x}' AS same, '$[yyyy]' AS y FROM clicks")
    view = FeatureView("view", source=clicks, sql=sql)
    clicks.create() >> clicks.load_offline("/d.csv") >> view.extract("/out")
"""
    [found] = findings(tmp_path, body)
    assert (found.code, marked(found)[1][:3]) == ("DSF102", "ipp")
    assert "'${x}'" in found.excerpt
