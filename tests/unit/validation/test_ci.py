"""Findings for code hosts: GitHub's workflow commands and SARIF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dsflow.cli.app import build_app
from dsflow.validation import Finding, Place
from dsflow.validation.ci import findings_github, findings_sarif

ROOT = Path("/repo")
SQL = Finding("DSF102", "error", "50% of\nit, a: b", Place("/repo/pipelines/a, b:c.py", 3, 7), "x", "write y")
BARE = Finding("DSF301", "warning", "no place")
LINE = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def test_github_gets_one_line_a_finding_with_all_that_separates_escaped() -> None:
    first, second, note = findings_github([SQL, BARE], ["no compiler"], ROOT).splitlines()
    assert first == ("::error file=pipelines/a%2C b%3Ac.py,line=3,col=7,title=DSF102::50%25 of%0Ait, a: b%0Awrite y")
    assert second == "::warning title=DSF301::no place"
    assert note == "::notice title=not checked::no compiler"


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1))
def test_github_reads_back_what_was_written(message: str, name: str) -> None:
    line = findings_github([Finding("DSF102", "error", message, Place(f"/repo/{name}", 1))], [], ROOT)
    assert line.endswith("\n")
    match = LINE.fullmatch(line[:-1])
    assert match is not None
    properties = dict(part.split("=", 1) for part in match[2].split(","))
    assert unquote(match[3]) == unquote(message.replace("%", "%25"))
    if name not in (".", ".."):
        assert unquote(properties["file"]) == unquote(name.replace("%", "%25"))


def test_sarif_names_rule_level_and_place() -> None:
    data = json.loads(findings_sarif([SQL, BARE], ["no compiler"], ROOT, "1.2"))
    [run] = data["runs"]
    assert data["version"] == "2.1.0"
    assert run["tool"]["driver"]["version"] == "1.2"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["DSF102", "DSF301"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"]) == ("DSF102", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "pipelines/a,%20b%3Ac.py", "uriBaseId": "ROOT"}
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    assert "locations" not in second
    [invocation] = run["invocations"]
    assert invocation["exitCode"] == 1
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "not checked: no compiler"


@pytest.mark.parametrize("form", ["github", "sarif", "json"])
def test_the_command_writes_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text(
        "from dsflow import OpenMLDB, Workflow\n"
        "with Workflow('w', project='p') as wf:\n    OpenMLDB('a', 'SELECT ${gone}')\n"
    )
    result = CliRunner().invoke(build_app(None), ["validate", "p.py", "--format", form])
    assert result.exit_code == 1
    if form == "github":
        assert result.stdout.startswith("::error file=p.py,line=3,")
    else:
        assert json.loads(result.stdout)
