"""Deploying, pruning, going back and deleting from the command line, against real servers."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.lock import lock_name
from dsflow.dolphinscheduler.register import PREFIX
from dsflow.dolphinscheduler.submit import Submitter
from dsflow.dolphinscheduler.wire.rest import RestClient
from tests.integration.commands import Commands

COUNT = 6
SIMPLE = """
with Workflow("{name}", project="{project}", params={{"who": "me"}}) as wf:
    Shell("a", "echo {text} ${{who}}") >> Shell("b", "echo b")
"""


@pytest.fixture
def owner() -> str:
    """A repository of the test's own."""
    return f"example.com/tests/{os.urandom(3).hex()}"


@pytest.fixture
def dsflow(running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str) -> Commands:
    commands = Commands(running.profile(), tmp_path, monkeypatch)
    (tmp_path / "dsflow.yaml").write_text(f"repository: {owner}\n")
    return commands


def simple(dsflow: Commands, project: str, name: str, text: str = "a", folder: str = "pipelines") -> Path:
    return dsflow.write(f"{folder}/{name}.py", SIMPLE.format(name=name, project=project, text=text))


def outcomes(text: str) -> dict[str, str]:
    return {w["workflow"]: w["outcome"] for w in json.loads(text)["workflows"]}


def names(server: Server, project: str) -> set[str]:
    code = server.rest.project_code(project)
    return {w.name for w in server.rest.workflows(code)} if code else set()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every REST request, as (method, path)."""
    seen: list[tuple[str, str]] = []
    send = RestClient._send

    def counting(self: RestClient, method: str, path: str, *arguments: Any, **more: Any) -> Any:
        seen.append((method, path))
        return send(self, method, path, *arguments, **more)

    monkeypatch.setattr(RestClient, "_send", counting)
    return seen


def written(calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
    reads = re.compile(r"/login$|/schedules/list$|/schedules/preview$")
    return [c for c in calls if c[0] != "GET" and not reads.search(c[1])]


def test_what_changed_is_submitted_and_what_did_not_is_not_touched(
    dsflow: Commands, server: Server, project: str, calls: list[tuple[str, str]], owner: str
) -> None:
    for number in range(COUNT):
        simple(dsflow, project, f"w{number:02}")
    (dsflow.folder / "pipelines/helpers.py").write_text("raise RuntimeError('not a pipeline')\n")

    dry = dsflow("deploy", "pipelines", "--dry-run", "--summary", "s.md")
    assert (dry.code, written(calls), names(server, project)) == (0, [], set())
    assert f"{COUNT} to create" in dry.out
    summary = (dsflow.folder / "s.md").read_text()
    assert "what a deployment would do" in summary
    assert summary.count("<details>") == COUNT
    assert "`pipelines/w00.py`" in summary

    first = dsflow("deploy", "pipelines", "--json", "--summary", "s.md")
    assert first.code == 0, first.all
    assert set(outcomes(first.out).values()) == {"created"}
    assert "dsflow: deployed" in (dsflow.folder / "s.md").read_text()
    assert names(server, project) == {f"w{n:02}" for n in range(COUNT)} | {PREFIX + owner}

    calls.clear()
    second = dsflow("deploy", "pipelines")
    assert (second.code, second.out.strip()) == (0, f"{COUNT} unchanged")
    assert written(calls) == []
    assert len([c for c in calls if c[1].split("/")[-1].isdigit()]) <= 2 * COUNT
    assert len(calls) <= 2 * COUNT + 12

    simple(dsflow, project, "w03", "changed")
    third = dsflow("deploy", "pipelines", "--json")
    assert outcomes(third.out) == {f"w{n:02}": "updated" if n == 3 else "unchanged" for n in range(COUNT)}
    assert "to update  " in dsflow("deploy", "pipelines", "--dry-run", "--set", "who=you").out
    assert dsflow("deploy", "pipelines", "--set", "nobody=1").code == 1
    listed = dsflow("list", "--project", project)
    assert PREFIX not in listed.out.replace("DEPLOYED BY", "")
    assert listed.out.count(owner) == COUNT
    assert {r["owner"] for r in json.loads(dsflow("list", "--project", project, "--json").out)} == {owner}


def test_all_that_is_wrong_is_told_before_anything_is_written(
    dsflow: Commands, server: Server, project: str, calls: list[tuple[str, str]]
) -> None:
    for name in ("one", "two"):
        file = simple(dsflow, project, name)
        file.write_text(file.read_text().replace('"echo b"', '"echo b", worker_group="no", environment="nope"'))
    simple(dsflow, project, "fine")
    for dry in ((), ("--dry-run",)):
        done = dsflow("deploy", "pipelines", "--json", "--summary", "s.md", *dry)
        assert (done.code, written(calls), names(server, project)) == (1, [], set()), done.all
        errors = json.loads(done.out)["errors"]
        found = [(Path(e["where"]).name, e["message"].split(", but")[0]) for e in errors]
        wrong = ("worker group 'no'", "environment 'nope'")
        assert found == [(f"{w}.py:4", f"task 'b' uses {x}") for w in ("one", "two") for x in wrong]
        assert (dsflow.folder / "s.md").read_text().count("- ❌") == len(errors)
        assert done.err.count("error: ") == len(errors)


def test_the_order_follows_what_workflows_need(dsflow: Commands, server: Server, project: str) -> None:
    dsflow.write(
        "pipelines/a_top.py",
        f"""
with Workflow("top", project="{project}") as wf:
    SubWorkflow("run it", "middle")
""",
    )
    dsflow.write(
        "pipelines/b_middle.py",
        f"""
with Workflow("middle", project="{project}") as wf:
    SubWorkflow("run it", "bottom")
""",
    )
    simple(dsflow, project, "bottom")

    done = dsflow("deploy", "pipelines")

    assert done.code == 0, done.all
    created = re.findall(r"created +\S+/(\w+)", done.out)
    assert created == ["bottom", "middle", "top"]
    assert dsflow("deploy", "pipelines").out.strip() == "3 unchanged"


def test_every_error_is_named_and_nothing_is_written(
    dsflow: Commands, server: Server, project: str, calls: list[tuple[str, str]]
) -> None:
    simple(dsflow, project, "good")
    dsflow.write("pipelines/broken.py", "with Workflow('x', project='y') as wf:\n    Shell('a')\n")
    dsflow.write("pipelines/exits.py", "Workflow('e', project='y')\nraise SystemExit(3)\n")
    dsflow.write("pipelines/syntax.py", "with Workflow('x'\n")
    dsflow.write("pipelines/raises.py", "Workflow\n1 / 0\n")
    dsflow.write(
        "pipelines/group.py",
        f"with Workflow('g', project='{project}') as wf:\n    Shell('a', 'echo', worker_group='nope')\n",
    )
    dsflow.write("pipelines/twice.py", SIMPLE.format(name="good", project=project, text="other"))

    done = dsflow("deploy", "pipelines", "--summary", "s.md", "--json")

    assert (done.code, written(calls), names(server, project)) == (1, [], set())
    for words in ("broken.py:3", "exits.py", "syntax.py:", "raises.py:3", "group.py:3", "'nope'", "declared twice"):
        assert words in done.err, (words, done.err)
    assert "nothing was written" in done.err
    assert len(json.loads(done.out)["errors"]) == 6
    assert "cannot be deployed" in (dsflow.folder / "s.md").read_text()
    (dsflow.folder / "pipelines/empty.py").write_text("x = 1\n")
    assert "declares no workflow" in dsflow("deploy", "pipelines/empty.py").err
    assert "there is no file or folder" in dsflow("deploy", "nowhere").err


def test_one_failure_does_not_stop_the_others(
    dsflow: Commands, server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        simple(dsflow, project, name)
    dsflow.write(
        "pipelines/needs.py", f"with Workflow('needs', project='{project}') as wf:\n    SubWorkflow('s', 'two')\n"
    )
    submit = Submitter.submit

    def refuse(self: Submitter, definition: Any, **options: Any) -> Any:
        if definition.name == "two":
            raise RefusedError("update workflow 'two'", "the disk is full", code=10000)
        return submit(self, definition, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Submitter, "submit", refuse)
        done = dsflow("deploy", "pipelines", "--json")

    assert done.code == 1
    assert outcomes(done.out) == {"one": "created", "two": "failed", "three": "created", "needs": "skipped"}
    assert "the disk is full" in done.err
    assert dsflow("deploy", "pipelines").out.count("created") == 3  # two, needs, and in the totals


def test_prune_deletes_what_is_ours_and_gone_and_nothing_else(
    dsflow: Commands, server: Server, project: str, owner: str
) -> None:
    for name in ("stays", "goes", "remade", "renamed"):
        simple(dsflow, project, name)
    simple(dsflow, project, "elsewhere", folder="other")
    assert dsflow("deploy", "pipelines", "other").code == 0
    simple(dsflow, project, "theirs", folder="theirs")
    assert dsflow("deploy", "theirs", "--owner", "example.com/else").code == 0
    simple(dsflow, project, "by hand", folder="hand")
    assert dsflow("submit", "hand/by hand.py").code == 0
    # somebody deletes one of ours and makes it anew, and renames another
    assert dsflow("delete", f"{project}/remade", "--yes").code == 0
    assert dsflow("submit", "pipelines/remade.py").code == 0
    state = server.state(project, "renamed")
    rename(server, state, "renamed by hand")
    for name in ("goes", "remade", "renamed"):
        (dsflow.folder / f"pipelines/{name}.py").unlink()
    (dsflow.folder / "other/elsewhere.py").unlink()
    simple(dsflow, project, "another")
    before = names(server, project)

    dry = dsflow("deploy", "pipelines", "--prune", "--dry-run")
    assert f"- to delete  {project}/goes" in dry.out
    assert dry.out.count("to delete  ") == 1
    assert names(server, project) == before
    unasked = dsflow("deploy", "pipelines", "--prune")
    assert (unasked.code, "--yes" in unasked.err, names(server, project)) == (1, True, before)
    done = dsflow("deploy", "pipelines", "--prune", "--yes", "--json")

    assert done.code == 0, done.all
    assert names(server, project) == before - {"goes"} | {"another"}
    assert [w["workflow"] for w in json.loads(done.out)["deleted"]] == ["goes"]
    assert "renamed to 'renamed by hand'" in done.err
    assert json.loads(dsflow("deploy", "pipelines", "--prune", "--yes", "--json").out)["deleted"] == []
    (dsflow.folder / "other/.keep").write_text("")
    assert dsflow("deploy", ".", "--prune", "--yes").code == 1  # theirs/ is in this folder too, and is not ours
    (dsflow.folder / "theirs/theirs.py").unlink()
    (dsflow.folder / "hand/by hand.py").unlink()
    last = dsflow("deploy", ".", "--prune", "--yes", "--json")
    assert [w["workflow"] for w in json.loads(last.out)["deleted"]] == ["elsewhere"]
    assert {"theirs", "by hand", "stays", "another", "renamed by hand", "remade"} <= names(server, project)


def rename(server: Server, state: Any, name: str, *, description: str = "") -> None:
    """What the web page does: all of the workflow, with another name or description, and without dsflow's record."""
    rest, raw = server.rest, state.raw
    process = raw["workflow"]
    rest.release(state.project_code, state.code, "OFFLINE")
    form = {
        "name": name, "description": description, "globalParams": process["globalParams"], "timeout": 0,
        "locations": "[]",
        "taskRelationJson": json.dumps([{**r, "conditionParams": {}} for r in raw["edges"]]),
        "taskDefinitionJson": json.dumps(raw["tasks"]),
        "tenantCode": rest.user().tenant, "executionType": "PARALLEL", "releaseState": "OFFLINE",
    }  # fmt: skip
    rest.put(f"/projects/{state.project_code}/process-definition/{state.code}", "rename", form)


def test_another_repositorys_workflow_is_not_taken_silently(dsflow: Commands, server: Server, project: str) -> None:
    simple(dsflow, project, "shared")
    assert dsflow("deploy", "pipelines").code == 0
    refused = dsflow("deploy", "pipelines", "--owner", "example.com/else")
    assert (refused.code, "is deployed by example.com/tests/" in refused.err) == (1, True)
    taken = dsflow("deploy", "pipelines", "--owner", "example.com/else", "--take-over")
    assert (taken.code, "taken over" in taken.out) == (0, True)
    assert json.loads(dsflow("list", "--project", project, "--json").out)[0]["owner"] == "example.com/else"
    assert dsflow("deploy", "pipelines").code == 1


def test_an_edit_on_the_server_is_not_overwritten_silently(dsflow: Commands, server: Server, project: str) -> None:
    simple(dsflow, project, "edited")
    assert dsflow("deploy", "pipelines").code == 0
    state = server.state(project, "edited")
    rename(server, state, "edited", description="what it is for")
    server.rest.release(state.project_code, int(state.code or 0), "ONLINE")
    simple(dsflow, project, "edited", "new")
    refused = dsflow("deploy", "pipelines")
    assert (refused.code, "--overwrite" in refused.err) == (1, True)
    assert server.state(project, "edited").raw["workflow"]["description"] == "what it is for"
    assert dsflow("deploy", "pipelines", "--overwrite").code == 0
    assert server.state(project, "edited").raw["workflow"]["description"] == ""


def test_a_save_on_the_server_without_an_edit_is_in_nobodys_way(dsflow: Commands, server: Server, project: str) -> None:
    simple(dsflow, project, "saved")
    assert dsflow("deploy", "pipelines").code == 0
    state = server.state(project, "saved")
    rename(server, state, "saved")
    server.rest.release(state.project_code, int(state.code or 0), "ONLINE")
    simple(dsflow, project, "saved", "new")
    assert dsflow("deploy", "pipelines").code == 0
    assert "echo new" in json.dumps(server.state(project, "saved").raw["tasks"])


def test_back_to_an_earlier_version_and_delete(dsflow: Commands, server: Server, project: str) -> None:
    file = dsflow.write(
        "w.py",
        f"""
with Workflow("w", project="{project}", schedule="0 0 3 * * ? *") as wf:
    Shell("a", "echo first") >> Shell("b", "echo b")
""",
    )
    assert dsflow("submit", "w.py").code == 0
    file.write_text(file.read_text().replace("first", "second"))
    assert dsflow("submit", "w.py").code == 0
    assert re.search(r"2 +current.*\n1 ", dsflow("versions", f"{project}/w").out)

    seen = dsflow("rollback", f"{project}/w", "--dry-run")
    assert (seen.code, "from version 2 to 1; nothing was written" in seen.out) == (0, True)
    assert server.state(project, "w").version == 2

    back = dsflow("rollback", f"{project}/w")

    assert back.code == 0, back.all
    assert "version 2 -> 1; it is online, its schedule is live" in back.out
    state = server.state(project, "w")
    assert (state.version, state.online, len(state.live_schedules)) == (1, True, 1)
    script = next(t for t in state.raw["tasks"] if t["name"] == "a")["taskParams"]
    assert "first" in json.dumps(script)
    assert dsflow("run", "w.py").code == 0
    assert dsflow("logs", "w.py", "a").out == "first\n"
    assert dsflow("rollback", "w.py", "--to", "2").code == 0
    assert dsflow("plan", "w.py").code == 0
    assert "no version 9" in dsflow("rollback", f"{project}/w", "--to", "9").err
    assert "already" in dsflow("rollback", f"{project}/w", "--to", "2").out
    assert "not of the form" in dsflow("rollback", "w").err

    refused = dsflow("delete", f"{project}/w")
    assert (refused.code, "--yes" in refused.err, server.state(project, "w").online) == (1, True, True)
    assert dsflow("delete", f"{project}/w", "--yes").code == 0
    assert server.state(project, "w").code is None
    assert "no workflow" in dsflow("versions", f"{project}/w").err


def test_back_over_a_change_of_the_schedule_alone(dsflow: Commands, server: Server, project: str) -> None:
    """It is a version of its own, which holds nothing new; that is said."""
    declared = f"with Workflow('w', project='{project}', schedule='0 0 3 * * ? *') as wf:\n    Shell('a', 'x')\n"
    file = dsflow.write("w.py", declared)
    assert dsflow("submit", "w.py").code == 0
    file.write_text(file.read_text().replace("0 0 3", "0 0 4"))
    assert dsflow("submit", "w.py").code == 0
    back = dsflow("rollback", f"{project}/w")
    assert back.code == 0, back.all
    assert "version 2 -> 1; it is online, its schedule is live\n" in back.out
    assert "both hold the same tasks and settings" in back.out
    assert server.state(project, "w").schedules[0].crontab == "0 0 4 * * ? *"
    file.write_text(file.read_text().replace("'x'", "'y'"))
    assert dsflow("submit", "w.py").code == 0
    assert "both hold the same" not in dsflow("rollback", f"{project}/w").out


def test_a_workflow_that_is_used_can_not_be_deleted_and_stays_as_it_is(
    dsflow: Commands, server: Server, project: str
) -> None:
    dsflow.write(
        "pipelines/used.py",
        f"""
with Workflow("used", project="{project}", schedule="0 0 3 * * ? *") as wf:
    Shell("a", "echo a")
with Workflow("user", project="{project}") as other:
    SubWorkflow("s", "used")
""",
    )
    assert dsflow("deploy", "pipelines").code == 0
    refused = dsflow("delete", f"{project}/used", "--yes")
    assert (refused.code, "could not delete workflow 'used'" in refused.err) == (1, True), refused.all
    state = server.state(project, "used")
    assert (state.online, len(state.live_schedules)) == (True, 1)


def test_exit_codes_tell_a_server_that_is_away_from_a_refusal(
    dsflow: Commands, server: Server, project: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple(dsflow, project, "one")
    simple(dsflow, f"{project}-new", "two")
    api = str(dsflow.profile.api_url)
    away = api.replace(api.split("/")[2], f"127.0.0.1:{closed_port}")
    for variables, code, words in [
        ({"DSFLOW_API_URL": away}, 5, f"127.0.0.1:{closed_port}"),
        ({"DSFLOW_GATEWAY": f"127.0.0.1:{closed_port}"}, 5, f"127.0.0.1:{closed_port}"),
        ({"DSFLOW_GATEWAY_TOKEN": "wrong"}, 1, "gateway token"),
        ({"DSFLOW_PASSWORD": "wrong"}, 1, "user 'admin'"),
        ({"DSFLOW_TENANT": "nobody-here"}, 1, "tenant 'nobody-here'"),
    ]:
        for path in ("pipelines", "pipelines/one.py"):
            with monkeypatch.context() as patch:
                for key, value in variables.items():
                    patch.setenv(key, value)
                done = dsflow("deploy", path)
            assert (done.code, words in done.all, "Traceback" in done.all) == (code, True, False), (variables, done)
            assert names(server, project) == set(), variables
    assert server.rest.project_code(f"{project}-new") is None


def test_a_submit_that_is_under_way_elsewhere_is_noted(dsflow: Commands, server: Server, project: str) -> None:
    simple(dsflow, project, "one")
    assert dsflow("deploy", "pipelines").code == 0
    code = server.rest.project_code(project)
    assert code is not None
    elsewhere = (
        "Held for seconds while dsflow submits the workflow, by runner-7, process 12 (0123456789ab/abcdef012345)."
    )
    lock = server.rest.create_empty_workflow(code, lock_name("one"), elsewhere)
    noted = dsflow("deploy", "pipelines")
    assert (noted.code, "one: another submit of this workflow is under way (runner-7, process 12)" in noted.out) == (
        0,
        True,
    ), noted
    assert lock_name("one") in names(server, project)  # it is not ours to remove
    server.rest.delete_workflow(code, lock)
    assert dsflow("deploy", "pipelines").out.strip() == "1 unchanged"
