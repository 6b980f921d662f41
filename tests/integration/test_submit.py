"""Submitting to real servers: what is declared is what they hold, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler import submit as submit_module
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import with_environment
from dsflow.dolphinscheduler.errors import DriftError, RefusedError, VerificationError
from dsflow.dolphinscheduler.lock import lock_name
from dsflow.dolphinscheduler.state import find
from dsflow.dolphinscheduler.submit import WRITE_ATTEMPTS, Checked, Submitter
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.codec import normalise
from dsflow.dolphinscheduler.wire.gateway import Gateway
from dsflow.dolphinscheduler.wire.names import UnknownNameError, server_names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.errors import DeclarationError, SeveralErrors, SourceLocation

ENVIRONMENT = "dsflow tests"
SCHEDULE = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "Asia/Shanghai")


def shell(name: str, script: str = "true", **fields: Any) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script, "localParams": [], "resourceList": []}, **fields)


def chain(project: str, *names: str, **fields: Any) -> Definition:
    pairs = pairwise(names)
    return Definition(
        project,
        fields.pop("name", "chain"),
        tuple(shell(n) for n in names),
        tuple(Relation(a, b) for a, b in pairs),
        **fields,
    )


def task_versions(server: Server, definition: Definition) -> dict[str, int]:
    state = server.state(definition.project, definition.name)
    return {t["name"]: int(t["version"]) for t in state.raw["tasks"]}


def side_objects(server: Server, project: str, new: bool, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A task group, a file and a sub-workflow for the tasks to name.

    A datasource is only made after a test connection, and these servers have no database driver: its id is made up,
    which DolphinScheduler does not look at before the task runs.
    """
    rest = server.rest
    code = rest.project_code(project)
    assert code is not None
    names = {"group": f"group {project}", "datasource": f"db {project}", "file": f"/{project}.sh"}
    form = {"name": names["group"], "description": "", "groupSize": 2, "projectCode": code}
    rest.post("/task-group/create", "create a task group", form)
    monkeypatch.setitem(kinds._LOADERS, kinds.DATASOURCE, lambda rest, scope: {names["datasource"]: 7})
    folder = f"{rest.resource_base()}/{rest.user().tenant}/resources" if new else "/"
    rest.post(
        "/resources/online-create", "create a file",
        {"type": "FILE", "fileName": project, "suffix": "sh", "content": "echo hi", "description": "", "pid": -1,
         "currentDir": folder},
    )  # fmt: skip
    server.submit(chain(project, "only", name="the sub-workflow"))
    return names


def every_type(project: str, names: dict[str, str], new: bool) -> Definition:
    """Each task type with each field, and text that breaks careless encoders."""
    nasty = "echo \"a\\n'b'\"\r\n\tprintf '%s' \"${who}\" \\\n  # 中文 🎉 $[yyyyMMdd] <&>\n"
    empty: dict[str, Any] = {"localParams": [], "resourceList": []}
    full: dict[str, Any] = {
        "description": "what it does: \"quotes\", 'more', 中文",
        "flag": "YES",
        "task_priority": "HIGHEST",
        "worker_group": "default",
        "environment": ENVIRONMENT,
        "delay_time": 1,
        "fail_retry_times": 2,
        "fail_retry_interval": 3,
        "timeout": 7,
        "timeout_notify_strategy": "WARNFAILED",
        "task_group": names["group"],
        "task_group_priority": 4,
        "cpu_quota": 50,
        "memory_max": 512,
        "is_cache": new,
    }
    params = [
        Property("who", "IN", "VARCHAR", "me").to_dict(),
        Property("auc", "OUT", "DOUBLE", "").to_dict(),
        Property("n", "IN", "INTEGER", "3").to_dict(),
    ]
    local = {"localParams": params, "resourceList": []}
    tasks = (
        TaskDefinition(
            "shell", "SHELL", {"rawScript": nasty, **local, "resourceList": [{"resourceName": names["file"]}]}, **full
        ),
        TaskDefinition("python", "PYTHON", {"rawScript": "print('${setValue(auc=0.5)}')\n", **local}, flag="NO"),
        TaskDefinition(
            "sql", "SQL",
            {**empty, "type": "MYSQL", "datasource": names["datasource"], "sql": "select 1 as \"x\";\n-- ${who}",
             "sqlType": "0", "displayRows": 10, "preStatements": [], "postStatements": ["select 2"],
             "segmentSeparator": "", "sendEmail": False},
        ),
        TaskDefinition(
            "http", "HTTP",
            {**empty, "url": "http://127.0.0.1:1/x?y=${who}", "httpMethod": "POST",
             "httpParams": [{"prop": "k", "httpParametersType": "BODY", "value": "${auc}"}],
             "httpCheckCondition": "STATUS_CODE_CUSTOM", "condition": "201", "connectTimeout": 1000,
             "socketTimeout": 2000},
        ),
        TaskDefinition(
            "openmldb", "OPENMLDB",
            {**empty, "zk": "127.0.0.1:2181", "zkPath": "/openmldb", "executeMode": "offline",
             "sql": "select \"1\\n\";"},
        ),
        TaskDefinition("sub", "SUB_PROCESS", {**empty, "processDefinitionCode": "the sub-workflow"}),
        TaskDefinition(
            "switch", "SWITCH",
            {**empty, "switchResult": {
                "dependTaskList": [
                    {"condition": 'Number(${auc}) > 0.5', "nextNode": "sql"},
                    {"condition": '${who} == "me"', "nextNode": "http"},
                ], "nextNode": "openmldb"}},
        ),
        TaskDefinition(
            "conditions", "CONDITIONS",
            {**empty,
             "dependence": {"relation": "AND", "dependTaskList": [
                 {"relation": "OR", "dependItemList": [
                     {"depTaskCode": "sql", "status": "SUCCESS"}, {"depTaskCode": "http", "status": "FAILURE"}]}]},
             "conditionResult": {"successNode": ["sub"], "failedNode": ["dependent"]}},
        ),
        TaskDefinition(
            "dependent", "DEPENDENT",
            {**empty, "dependence": {"relation": "OR", "dependTaskList": [
                {"relation": "AND", "dependItemList": [
                    {"projectCode": project, "definitionCode": "the sub-workflow", "depTaskCode": "", "cycle": "day",
                     "dateValue": "today"},
                    {"projectCode": project, "definitionCode": "the sub-workflow", "depTaskCode": "only",
                     "cycle": "hour", "dateValue": "last1Hour"}]}]}},
        ),
    )  # fmt: skip
    edges = [
        ("shell", "python"), ("python", "switch"), ("switch", "sql"), ("switch", "http"), ("switch", "openmldb"),
        ("sql", "conditions"), ("http", "conditions"), ("conditions", "sub"), ("conditions", "dependent"),
    ]  # fmt: skip
    return Definition(
        project,
        'every "type" 中文',
        tasks,
        tuple(Relation(a, b) for a, b in edges),
        description="a workflow with 'everything' in it",
        global_params=(
            Property("who", "IN", "VARCHAR", 'a "b" \\ c'),
            Property("limit", "IN", "DOUBLE", "0.7"),
            Property("when", "IN", "VARCHAR", "$[yyyyMMdd-1]"),
        ),
        timeout=90,
        execution_type="SERIAL_WAIT",
        warning_type="FAILURE",
        warning_group="default admin warning group",
        schedule=replace(SCHEDULE, failure_strategy="END", process_instance_priority="HIGH"),
    )


def test_what_was_declared_is_what_the_server_holds(
    server: Server, project: str, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = side_objects(server, project, running.is_new, monkeypatch)
    declared = every_type(project, names, running.is_new)

    first = server.submit(declared)
    held = server.read(project, declared.name)

    assert held is not None
    assert normalise(held) == normalise(with_environment(declared, ENVIRONMENT))
    assert (first.written, first.version) == (True, 1)
    assert server.plan(declared).is_empty

    second = server.submit(declared)
    assert (second.written, second.version, second.code) == (False, 1, first.code)
    assert set(task_versions(server, declared).values()) == {1}


def test_only_what_changed_gets_a_new_version(server: Server, project: str) -> None:
    declared = chain(project, "a", "b", "c")
    before = server.submit(declared)
    changed = replace(declared, tasks=(declared.tasks[0], shell("b", "echo changed"), declared.tasks[2]))

    plan = server.plan(changed)
    after = server.submit(changed)

    assert [(t.action, t.name) for t in plan.tasks] == [("changed", "b")]
    assert (after.code, after.version) == (before.code, before.version + 1)
    assert task_versions(server, changed) == {"a": 1, "b": 2, "c": 1}


def test_a_task_can_go_back_to_an_earlier_text(server: Server, project: str) -> None:
    declared = chain(project, "a", "b")
    other = replace(declared, tasks=(shell("a", "echo other"), declared.tasks[1]))
    for definition in (declared, other, declared):
        server.submit(definition)
    assert server.plan(declared).is_empty
    run = server.start(declared)
    assert server.follow(run, poll=0.2) == "SUCCESS"
    assert "echo other" not in server.report(run, declared).task("a").log


def test_renamed_added_and_removed_tasks(server: Server, project: str) -> None:
    declared = Definition(
        project, "chain", (shell("a", "echo a"), shell("b", "echo b"), shell("c", "echo c")),
        (Relation("a", "b"), Relation("b", "c")),
    )  # fmt: skip
    server.submit(declared)
    codes = {t["name"]: t["code"] for t in server.state(project, "chain").raw["tasks"]}
    changed = Definition(
        project, "chain", (shell("a", "echo a"), shell("bee", "echo b"), shell("d", "echo d")),
        (Relation("a", "bee"), Relation("bee", "d")),
    )  # fmt: skip

    plan = server.plan(changed)
    server.submit(changed)

    assert {(t.action, t.name, t.old_name) for t in plan.tasks} == {
        ("renamed", "bee", "b"), ("added", "d", ""), ("removed", "c", "c"),
    }  # fmt: skip
    after = {t["name"]: t["code"] for t in server.state(project, "chain").raw["tasks"]}
    assert (after["a"], after["bee"]) == (codes["a"], codes["b"])
    assert set(after) == {"a", "bee", "d"}


def test_only_settings_change(server: Server, project: str) -> None:
    declared = chain(project, "a", "b")
    server.submit(declared)
    changed = replace(declared, description="now with words", timeout=5, execution_type="SERIAL_DISCARD")
    server.submit(changed)
    assert server.plan(changed).is_empty
    assert set(task_versions(server, changed).values()) == {1}
    assert server.follow(server.start(changed), poll=0.2) == "SUCCESS"  # the version's edges are there


def test_an_undeclared_schedule_stays_live(server: Server, project: str) -> None:
    declared = chain(project, "a", "b")
    server.submit(replace(declared, schedule=SCHEDULE))
    changed = replace(declared, tasks=(*declared.tasks[:1], shell("b", "echo new")))

    result = server.submit(changed)

    state = server.state(project, "chain")
    assert state.online
    assert [s.online for s in state.schedules] == [True]
    assert state.schedules[0].crontab == SCHEDULE.crontab
    assert any("not declared" in note for note in result.notes)


def test_a_schedule_is_made_changed_and_taken_offline(server: Server, project: str) -> None:
    """The workflow gets a new version each time, for dsflow's record of the schedule; its tasks get none."""
    declared = chain(project, "a")
    version = server.submit(replace(declared, schedule=SCHEDULE)).version
    for schedule in (replace(SCHEDULE, crontab="0 30 3 * * ? *"), replace(SCHEDULE, online=False), SCHEDULE):
        wanted = replace(declared, schedule=schedule, warning_type="ALL")
        assert not server.plan(wanted).changes_content
        result, version = server.submit(wanted), version + 1
        held = server.read(project, "chain")
        assert held is not None
        assert (held.schedule, held.warning_type, result.version) == (schedule, "ALL", version)
        assert task_versions(server, wanted) == {"a": 1}
    assert len(server.state(project, "chain").schedules) == 1


def test_an_offline_workflow_with_a_schedule(server: Server, project: str) -> None:
    declared = replace(chain(project, "a"), schedule=SCHEDULE, release_state="OFFLINE")
    server.submit(declared)
    state = server.state(project, "chain")
    assert (state.online, [s.online for s in state.schedules]) == (False, [False])
    assert not server.submit(declared).written
    online = replace(declared, release_state="ONLINE")
    server.submit(online)
    state = server.state(project, "chain")
    assert (state.online, [s.online for s in state.schedules]) == (True, [True])
    assert state.version == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"worker_group": "defualt"}, ("worker group 'defualt'", "did you mean 'default'", "task 'b'")),
        ({"environment": "dsflow test"}, ("environment 'dsflow test'", "did you mean 'dsflow tests'")),
        ({"task_group": "nothing"}, ("task group 'nothing'",)),
        (
            {"task_type": "SUB_PROCESS", "task_params": {"processDefinitionCode": "nope"}},
            ("workflow 'nope'", "known: chain"),
        ),
        ({"task_type": "SQL", "task_params": {"datasource": "no db", "sql": "select 1"}}, ("datasource 'no db'",)),
        ({"task_params": {"rawScript": "x", "resourceList": [{"resourceName": "/no.sh"}]}}, ("resource '/no.sh'",)),
    ],
)
def test_an_unknown_name_is_refused_and_nothing_changes(
    server: Server, project: str, wrong: dict[str, Any], words: tuple[str, ...]
) -> None:
    declared = chain(project, "a", "b", schedule=SCHEDULE)
    server.submit(declared)
    before = server.state(project, "chain")
    broken = replace(declared, tasks=(shell("a", "echo new"), replace(declared.tasks[1], **wrong)))

    with pytest.raises(UnknownNameError) as error:
        server.submit(broken)

    for word in words:
        assert word in str(error.value)
    assert server.state(project, "chain") == before


def test_all_unknown_names_are_told_at_once(server: Server, project: str, running: Any) -> None:
    """Each where it stands, also those inside what is not known; and the plan tells them before submitting does."""
    declared = chain(project, "a", "b", schedule=SCHEDULE)
    server.submit(declared)
    before = server.state(project, "chain")
    depended = {"projectCode": "no project", "definitionCode": "no workflow", "depTaskCode": "no task"}
    group = {"relation": "AND", "dependItemList": [{**depended, "cycle": "day", "dateValue": "today"}]}
    tasks = (
        shell("a", "true", worker_group="defualt", environment="dsflow test", where=SourceLocation("x.py", 7)),
        shell("b", "true", task_group="nothing", where=SourceLocation("x.py", 8)),
        TaskDefinition("c", "SHELL", {"rawScript": "true", "resourceList": [{"resourceName": "/no.sh"}]}),
        TaskDefinition("d", "SUB_PROCESS", {"processDefinitionCode": "chian"}, where=SourceLocation("x.py", 10)),
        TaskDefinition("e", "SQL", {"datasource": "no db", "sql": "select 1"}),
        TaskDefinition("f", "DEPENDENT", {"dependence": {"relation": "AND", "dependTaskList": [group]}}),
    )
    broken = replace(declared, tasks=tasks, warning_group="nobody", where=SourceLocation("x.py", 5))
    wanted = [
        "x.py:7: task 'a' uses worker group 'defualt', but the server has no such worker group",
        "x.py:7: task 'a' uses environment 'dsflow test', but the server has no such environment",
        "x.py:8: task 'b' uses task group 'nothing', but the server has no such task group",
        "task 'c' uses resource '/no.sh', but the server has no such resource",
        "x.py:10: task 'd' uses workflow 'chian', but the server has no such workflow",
        "task 'e' uses datasource 'no db', but the server has no such datasource",
        "task 'f' uses project 'no project', but the server has no such project",
        "x.py:5: workflow 'chain' uses alert group 'nobody', but the server has no such alert group",
        "names tenant 'nobody', which the server does not have",
    ]

    with running.connect(tenant="nobody") as other:
        with pytest.raises(SeveralErrors, match="nothing was written; 9 things are wrong") as error:
            other.submit(broken)
        problems = other.plan(broken).problems

    assert len(problems) == len(error.value.errors) == len(wanted)
    for line in wanted:
        assert sum(line in str(e) for e in error.value.errors) == 1, line
        assert sum(line in problem for problem in problems) == 1, line
        assert line in str(error.value)
    assert "did you mean 'default'" in str(error.value)
    assert "did you mean 'chain'" in str(error.value)
    assert server.state(project, "chain") == before


def test_an_unknown_worker_group_of_the_workflow_is_one_mistake(server: Server, project: str) -> None:
    tasks = tuple(shell(n, worker_group="gpuu", where=SourceLocation("x.py", i)) for i, n in enumerate("abc", start=4))
    wrong = Definition(project, "chain", tasks, (), worker_group="gpuu", where=SourceLocation("x.py", 3))
    with pytest.raises(UnknownNameError, match=r"x.py:3: workflow 'chain' uses worker group 'gpuu'"):
        server.submit(wrong)
    other = replace(wrong, tasks=(*tasks[:2], replace(tasks[2], worker_group="gpu2", environment="none")))
    with pytest.raises(SeveralErrors) as error:
        server.submit(other)
    assert [str(e).split(" uses ")[0] for e in error.value.errors] == [
        "x.py:3: workflow 'chain'", "x.py:6: task 'c'", "x.py:6: task 'c'",
    ]  # fmt: skip


def test_a_profile_with_an_unknown_environment_is_one_mistake(server: Server, project: str, running: Any) -> None:
    with (
        running.connect(environment="dsflow tset") as other,
        pytest.raises(
            UnknownNameError, match=r"profile 'test .*' names environment 'dsflow tset', (.|\n)*dsflow tests"
        ),
    ):
        other.submit(chain(project, "a", "b", "c"))
    assert server.state(project, "chain").code is None


def test_an_unknown_alert_group_tenant_or_project(server: Server, project: str, running: Any) -> None:
    with pytest.raises(UnknownNameError, match="alert group 'nobody'"):
        server.submit(chain(project, "a", warning_group="nobody", schedule=SCHEDULE))
    with running.connect(tenant="nobody") as other, pytest.raises(UnknownNameError, match="tenant 'nobody'"):
        other.submit(chain(project, "a"))
    assert server.state(project, "chain").code is None


def test_a_missing_project_is_planned_and_made(server: Server, project: str) -> None:
    declared = chain(f"new {project}", "a")
    plan = server.plan(declared)
    assert any("submitting makes it" in note for note in plan.notes)
    assert server.rest.project_code(declared.project) is None
    done = server.submit(declared)
    assert done.written
    told = [note for note in done.notes if declared.project in note]
    assert told == [f"project {declared.project!r} was not there: it was made"]
    assert server.plan(declared).is_empty


def test_a_wrong_schedule_is_refused_before_anything_is_written(server: Server, project: str) -> None:
    with pytest.raises(DeclarationError, match="crontab"):
        server.submit(chain(project, "a", schedule=replace(SCHEDULE, crontab="every day")))
    with pytest.raises(DeclarationError, match="before it starts"):
        server.submit(chain(project, "a", schedule=replace(SCHEDULE, end_time="2020-01-01 00:00:00")))
    with pytest.raises(DeclarationError, match="crontab"):
        server.submit(chain(f"{project}-new", "a", schedule=replace(SCHEDULE, crontab="every day")))
    assert server.state(project, "chain").code is None
    assert server.rest.project_code(f"{project}-new") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"crontab": "0 0 3 * * ? 2020"},
        {"crontab": "0 0 3 30 2 ? *"},
        {"start_time": "2020-01-01 00:00:00", "end_time": "2021-01-01 00:00:00"},
    ],
)
def test_a_schedule_that_is_never_due_again_is_refused_and_the_live_one_stays(
    server: Server, project: str, fields: dict[str, str]
) -> None:
    """The server would take it, and then refuse to set it online."""
    declared = chain(project, "a", schedule=SCHEDULE)
    server.submit(declared)
    before = server.state(project, "chain")
    never = replace(SCHEDULE, **fields)
    with pytest.raises(DeclarationError, match="never due again"):
        server.submit(replace(declared, description="changed", schedule=never))
    assert server.state(project, "chain") == before
    assert server.submit(replace(declared, schedule=replace(never, online=False))).written


def test_a_failed_update_leaves_the_workflow_online(server: Server, project: str) -> None:
    declared = chain(project, "a", "b", schedule=SCHEDULE)
    server.submit(declared)
    cyclic = replace(declared, relations=(Relation("a", "b"), Relation("b", "a")))

    with pytest.raises(RefusedError, match="cycle") as error:
        server.submit(cyclic)

    assert "online as before" in str(error.value)
    state = server.state(project, "chain")
    assert state.online
    assert [s.online for s in state.schedules] == [True]
    assert server.plan(declared).is_empty


def test_a_refusal_that_the_gateway_keeps_to_itself_is_noticed(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = chain(project, "a")
    server.submit(declared)
    monkeypatch.setattr(submit_module, "refusals", lambda *a: [])

    with pytest.raises(VerificationError) as error:
        server.submit(replace(declared, description="x" * 300))

    assert any("description" in line for line in error.value.differences)
    assert server.state(project, "chain").online


def test_submitting_again_finishes_what_was_interrupted(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = chain(project, "a", schedule=SCHEDULE)

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Submitter, "_apply_schedule", die)
        with pytest.raises(KeyboardInterrupt):
            server.submit(declared)
    assert server.state(project, "chain").schedules == []

    server.submit(declared)
    held = server.read(project, "chain")
    assert held is not None
    assert held.schedule == SCHEDULE


def test_200_tasks(server: Server, project: str) -> None:
    declared = chain(project, *(f"t{i:03}" for i in range(200)))
    assert server.submit(declared).written
    assert not server.submit(declared).written
    changed = replace(declared, tasks=(shell("t000", "echo 1"), *declared.tasks[1:]))
    server.submit(changed)
    assert sum(task_versions(server, changed).values()) == 201


def edited_on_the_web_page(server: Server, project: str) -> None:
    """What the page's Save does: all tasks and edges are sent anew."""
    state = server.state(project, "chain")
    assert state.code is not None
    tasks = [{**t, "taskParams": {**t["taskParams"], "rawScript": "echo by hand"}} for t in state.raw["tasks"]]
    edges = [{**r, "conditionParams": {}} for r in state.raw["edges"]]
    server.rest.release(state.project_code, state.code, "OFFLINE")
    server.rest.put(
        f"/projects/{state.project_code}/process-definition/{state.code}", "edit",
        {"name": "chain", "description": "", "globalParams": "[]", "locations": "[]", "timeout": 0,
         "tenantCode": server.rest.user().tenant, "releaseState": "OFFLINE", "executionType": "PARALLEL",
         "taskRelationJson": json.dumps(edges), "taskDefinitionJson": json.dumps(tasks)},
    )  # fmt: skip


def test_a_change_by_somebody_else_is_not_undone_unasked(server: Server, project: str) -> None:
    declared = chain(project, "a", "b")
    server.submit(declared)
    edited_on_the_web_page(server, project)
    before = server.state(project, "chain")

    plan = server.plan(declared)
    assert "edited on the web page" in plan.drift
    with pytest.raises(DriftError, match="--overwrite"):
        server.submit(declared)
    assert server.state(project, "chain") == before

    assert server.submit(declared, overwrite=True).written
    assert server.plan(declared).is_empty
    assert server.plan(replace(declared, description="next")).drift == ""


def test_a_changed_task_alone_is_noticed_too(server: Server, project: str) -> None:
    declared = chain(project, "a", "b")
    server.submit(declared)
    state = server.state(project, "chain")
    assert state.code is not None
    server.rest.release(state.project_code, state.code, "OFFLINE")
    task = state.raw["tasks"][0]
    changed = {**task, "taskParams": {**task["taskParams"], "rawScript": "echo by hand"}}
    server.rest.put(
        f"/projects/{state.project_code}/task-definition/{task['code']}", "edit one task",
        {"taskDefinitionJsonObj": json.dumps(changed)},
    )  # fmt: skip
    assert "was changed since dsflow submitted it" in server.plan(replace(declared, description="next")).drift


def disable_task(server: Server, project: str) -> None:
    """One task set to "do not run" on the web page's list of tasks: DolphinScheduler changes it in place."""
    state = server.state(project, "chain")
    code = state.raw["tasks"][0]["code"]
    server.rest.post(
        f"/projects/{state.project_code}/task-definition/{code}/release", "disable a task", {"releaseState": "OFFLINE"}
    )


def test_an_edit_that_leaves_no_trace_in_any_list_is_noticed(server: Server, project: str) -> None:
    """This is why each submit reads the whole workflow: neither a version nor a time moves."""
    declared = chain(project, "a", "b", schedule=SCHEDULE)
    server.submit(declared)
    before = server.state(project, "chain")
    listed = find(server.rest, before.project_code, "chain").row

    disable_task(server, project)

    after = server.state(project, "chain")
    assert find(server.rest, before.project_code, "chain").row == listed
    assert after.raw["workflow"] == before.raw["workflow"]
    assert [{**t, "flag": ""} for t in after.raw["tasks"]] == [{**t, "flag": ""} for t in before.raw["tasks"]]
    plan = server.plan(declared)
    assert "was changed since dsflow submitted it" in plan.drift
    assert [(t.name, [c.field for c in t.changes]) for t in plan.tasks] == [("a", ["flag"])]
    with pytest.raises(DriftError):
        server.submit(declared)
    assert server.submit(declared, overwrite=True).written


def test_an_edit_between_plan_and_submit_is_noticed(server: Server, project: str) -> None:
    """A deployment plans all workflows before it writes the first, and may ask the user in between."""
    declared = chain(project, "a", "b")
    server.submit(declared)
    changed = replace(declared, description="next")
    names = server_names(server.rest)
    state = server.state(project, "chain")
    submitter = server._submitter
    complete = with_environment(changed, ENVIRONMENT)
    checked = Checked(complete, state, submitter.compare(complete, state), names, recent=False)
    assert checked.plan.drift == ""

    disable_task(server, project)

    before = server.state(project, "chain")
    with pytest.raises(DriftError):
        submitter.submit(complete, checked=checked)
    assert server.state(project, "chain") == before
    assert [w.name for w in server.rest.workflows(state.project_code)] == ["chain"]
    assert submitter.submit(complete, checked=checked, overwrite=True).written
    again = submitter.submit(complete, checked=checked)  # somebody else has done it meanwhile
    assert (again.written, server.plan(changed).is_empty) == (False, True)


def test_submits_at_once_come_one_after_the_other(running: Any, server: Server, project: str) -> None:
    server.submit(chain(project, "a", schedule=SCHEDULE))
    texts = [f"echo {i}" for i in range(4)]

    def submit(text: str) -> int:
        with running.connect() as own:
            declared = Definition(project, "chain", (shell("a", text), shell(text)), (Relation("a", text),))
            return own.submit(declared).version

    with ThreadPoolExecutor() as pool:
        versions = list(pool.map(submit, texts))
    assert sorted(versions) == [2, 3, 4, 5]
    state = server.state(project, "chain")
    assert state.definition is not None
    last = texts[versions.index(5)]
    assert state.definition.task("a").task_params["rawScript"] == last
    assert {t.name for t in state.definition.tasks} == {"a", last}
    assert [w.name for w in server.rest.workflows(state.project_code)] == ["chain"]
    assert (state.online, [s.online for s in state.schedules]) == (True, [True])


def test_first_submits_at_once(running: Any, server: Server, project: str) -> None:
    declared = chain(project, "a", "b", schedule=SCHEDULE)

    def submit(_: int) -> bool:
        with running.connect() as own:
            return own.submit(declared).written

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(submit, range(4))) == [False, False, False, True]
    assert server.state(project, "chain").version == 1


def test_a_lock_that_was_left_behind_is_taken_over(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = server.rest.project_code(project)
    assert code is not None
    server.rest.create_empty_workflow(code, lock_name("chain"), "")
    monkeypatch.setattr("dsflow.dolphinscheduler.lock.PATIENCE", 1.0)
    assert server.plan(chain(project, "a")).notes == ("another submit of this workflow is under way (somebody)",)
    assert server.submit(chain(project, "a")).written
    assert [w.name for w in server.rest.workflows(code)] == ["chain"]


DATABASE_CONFLICT = (
    "### Error updating database.  Cause: org.h2.jdbc.JdbcSQLIntegrityConstraintViolationException: Unique index or "
    "primary key violation"
)


WAYS = ["first", "new task", "update"]  # the first two are written over REST, with places for the tasks


Write = Callable[[list[int], Callable[[], Any]], Any]


def before_and_after(project: str, way: str) -> tuple[Definition | None, Definition]:
    """What the server holds, and what is submitted then."""
    wanted = chain(project, "a", "b", schedule=SCHEDULE)
    held = replace(wanted, description="before", schedule=replace(SCHEDULE, crontab="0 0 3 * * ? *"))
    return {
        "first": None,
        "new task": chain(project, "a", schedule=replace(SCHEDULE, crontab="0 0 3 * * ? *")),
        "update": held,
    }[way], wanted


def stand_in(
    monkeypatch: pytest.MonkeyPatch, way: str, write: Callable[[list[int], Callable[[], Any]], Any]
) -> list[int]:
    """Let ``write`` stand in for the call that writes; it gets how often it was called, and what makes the call."""
    calls: list[int] = []
    owner, name = {
        "first": (RestClient, "create_workflow"),
        "new task": (RestClient, "update_workflow"),
        "update": (Gateway, "create_or_update"),
    }[way]
    real = getattr(owner, name)

    def call(self: Any, *arguments: Any) -> Any:
        calls.append(len(calls) + 1)
        return write(calls, lambda: real(self, *arguments))

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize("taken", [False, True], ids=["before", "between workflow and schedule"])
@pytest.mark.parametrize("way", WAYS)
def test_a_conflict_in_the_servers_database_is_tried_again(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch, way: str, taken: bool
) -> None:
    """With many writers at once H2 gives two rows the same number now and then, and takes neither's transaction."""
    held, definition = before_and_after(project, way)
    if held is not None:
        server.submit(held)

    def write(calls: list[int], real: Callable[[], Any]) -> Any:
        if taken or len(calls) > 1:
            real()
        raise RefusedError("submit workflow 'chain'", DATABASE_CONFLICT)

    calls = stand_in(monkeypatch, way, write)
    result = server.submit(definition)
    assert result.written
    assert len(calls) == (1 if taken else 2)  # what is left to do then is the schedule
    assert server.plan(definition).is_empty
    assert server.state(project, "chain").live_schedules
    assert not lock_left(server, project)


@pytest.mark.parametrize("way", WAYS)
def test_a_conflict_that_stays_is_reported(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    held, wanted = before_and_after(project, way)
    if held is not None:
        server.submit(held)
    before = server.state(project, "chain")

    def write(calls: list[int], real: Callable[[], Any]) -> Any:
        raise RefusedError("submit workflow 'chain'", DATABASE_CONFLICT)

    calls = stand_in(monkeypatch, way, write)
    with pytest.raises(RefusedError, match="primary key violation") as caught:
        server.submit(wanted)
    assert len(calls) == WRITE_ATTEMPTS
    assert not lock_left(server, project)
    if held is None:
        assert server.state(project, "chain") == before
    else:
        assert "the workflow is online as before" in (caught.value.hint or "")
        assert server.state(project, "chain").version == before.version
        assert server.state(project, "chain").live_schedules
        assert server.plan(held).is_empty


def lock_left(server: Server, project: str) -> bool:
    code = server.rest.project_code(project)
    assert code is not None
    return find(server.rest, code, lock_name("chain")).row is not None
