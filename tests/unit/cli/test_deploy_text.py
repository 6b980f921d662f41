"""How a deployment is told."""

from __future__ import annotations

import json

from dsflow.cli import exits
from dsflow.cli.deploy_text import MAX_MARKDOWN, all_notes, markdown, to_dict, totals
from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.deploy import Declared, Deployment, Item, Pruned
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.register import Entry
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.submit import SubmitResult
from dsflow.errors import DeclarationError, UnreachableError


def item(name: str, held: str | None, text: str = "echo") -> Item:
    def definition(script: str) -> Definition:
        return Definition("p", name, (TaskDefinition("a", "SHELL", {"rawScript": script}),), ())

    declared = definition(text)
    plan = build_plan(declared, None if held is None else definition(held))
    found = Item(Declared(declared, f"pipelines/{name}.py"), declared, ServerState(1), plan)
    if plan.is_empty:
        found.outcome = "unchanged"
    return found


def test_markdown_says_what_and_where_and_shows_the_plan() -> None:
    deployment = Deployment("x", [item("new", None), item("old", "other"), item("same", "echo")])
    deployment.to_prune = [Pruned("p", 1, Entry(5, "gone|<b>", "pipelines/gone.py"))]
    text = markdown(deployment, dry_run=True, target="prod")
    assert "To `prod`: 1 to create, 1 to update, 1 unchanged, 1 to delete." in text
    assert "| p/new | + to create | `pipelines/new.py` |" in text
    assert "| p/gone\\|&lt;b> | to delete | `pipelines/gone.py` (gone) |" in text
    assert text.count("<details>") == 2
    assert "p/same" not in text


def test_errors_come_first_and_a_comment_stays_short_enough() -> None:
    deployment = Deployment("x", [item(f"w{n}", "y" * 3000, "x" * 3000 + "```") for n in range(60)])
    deployment.errors = [DeclarationError("it is\nwrong", where="a.py:3", hint="do that")]
    text = markdown(deployment, dry_run=True, target="prod")
    assert text.index("cannot be deployed") < text.index("- ❌ `a.py:3`: it is wrong") < text.index("| workflow |")
    assert len(text) <= MAX_MARKDOWN + 200
    assert "are left out here" in text
    assert text.count("````diff") == text.count("<details>")


def test_json_is_plain() -> None:
    deployment = Deployment("x", [item("new", None)], errors=[DeclarationError("wrong", where="a.py:3")])
    data = json.loads(json.dumps(to_dict(deployment, dry_run=True)))
    assert data["workflows"][0]["outcome"] == "planned"
    assert data["workflows"][0]["plan"]["action"] == "create"
    assert data["errors"] == [{"message": "wrong", "where": "a.py:3", "hint": None}]
    assert data["failed"] is True
    assert totals(Deployment(None)) == "no workflows"


def test_a_note_of_every_workflow_is_said_once_and_one_of_a_single_workflow_with_its_name() -> None:
    items = [item("one", None), item("two", None), item("three", None)]
    for one in items:
        one.result = SubmitResult("", one.plan, True, 1, 1, 1, ("a public token", *(["waited"] * (one is items[1]))))
    assert all_notes(Deployment("x", items, notes=["first"])) == ["first", "a public token", "p/two: waited"]


def test_the_exit_code_after_several_errors() -> None:
    assert exits.of_errors([]) == 0
    assert exits.of_errors([DeclarationError("x")]) == 1
    assert exits.of_errors([DeclarationError("x"), UnreachableError("gone")]) == 5
