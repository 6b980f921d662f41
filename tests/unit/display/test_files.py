"""Pictures of a workflow as files."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dsflow import Shell, Switch, Workflow
from dsflow.cli.app import build_app
from dsflow.display.files import write_picture
from dsflow.display.mermaid import workflow_mermaid
from dsflow.errors import ConfigError, MissingExtraError

NODE = re.compile(r'    (t\d+)(?:\[|\{\{)"([^"]*)"(?:\]|\}\})')
EDGE = re.compile(r'    (t\d+) (?:-- "([^"]*)" )?--> (t\d+)')


def workflow() -> Workflow:
    with Workflow("w <x>", project="p & q", params={"n": 1}) as wf:
        first = Shell("first", "true", outputs={"n2": int})
        yes, no = Shell('say "yes"', "true"), Shell("no", "true")
        first >> Switch("which?", {first.outputs.n2 >= wf.params.n: yes}, otherwise=no)
    return wf


def test_mermaid_draws_each_task_and_edge() -> None:
    head, *lines = workflow_mermaid(workflow().definition()).splitlines()
    assert head == "flowchart TD"
    nodes = {m[1]: m[2] for line in lines if (m := NODE.fullmatch(line))}
    edges = [(m[1], m[2], m[3]) for line in lines if (m := EDGE.fullmatch(line))]
    assert len(nodes) + len(edges) == len(lines)
    assert [text.split("<br>")[0] for text in nodes.values()] == ["first", "say #34;yes#34;", "no", "which#63;"]
    assert ("t3", "otherwise", "t2") in edges
    assert ("t3", "n2 #62;= n", "t1") in edges


@given(st.text(min_size=1).filter(str.strip))
def test_no_name_breaks_mermaids_lines(name: str) -> None:
    with Workflow("w", project="p") as wf:
        try:
            Shell(name, "true")
        except Exception:  # names that DolphinScheduler refuses
            return
    _, line = workflow_mermaid(wf.definition()).splitlines()
    match = NODE.fullmatch(line)
    assert match is not None
    text = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), match[2].split("<br>")[0])
    assert text.strip() == re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", name).strip()


def test_svg_and_html_are_well_formed(tmp_path: Path) -> None:
    for name in ("x.svg", "x.HTML"):
        write_picture(workflow().definition(), tmp_path / name)
    ElementTree.parse(tmp_path / "x.svg")
    page = (tmp_path / "x.HTML").read_text(encoding="utf-8")
    assert "<title>p &amp; q / w &lt;x&gt;</title>" in page
    assert (tmp_path / "x.svg").read_text(encoding="utf-8").strip() in page


def test_a_png_is_one(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="the extra png is not installed: pip install 'dsflow-openmldb[png]'")
    write_picture(workflow().definition(), tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_png_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"\[png\]"):
        write_picture(workflow().definition(), tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(("name", "says"), [("x.gif", r"\*.svg, \*.html"), ("gone/x.svg", "cannot write")])
def test_what_can_not_be_drawn_is_said(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        write_picture(workflow().definition(), tmp_path / name)


def test_the_command_draws_a_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(workflow()), ["show", "-o", str(tmp_path / "x.mmd")])
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "x.mmd").read_text(encoding="utf-8") == workflow_mermaid(workflow().definition())
