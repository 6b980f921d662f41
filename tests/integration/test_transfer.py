"""In and out of real servers: files that they exported or import, and workflows as source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsflow.cli.loading import load_workflows
from dsflow.config import Profile
from dsflow.definition import Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler import repair, transfer
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import with_environment
from dsflow.dolphinscheduler.errors import RefusedError
from dsflow.dolphinscheduler.wire import files, v3_1
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.codec import normalise
from dsflow.dolphinscheduler.wire.names import UnknownNameError
from dsflow.source.yaml_form import load_yaml

from .conftest import ENVIRONMENT, Running
from .transfer_commands import command

EMPTY: dict[str, Any] = {"localParams": [], "resourceList": []}
SCHEDULE = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2040-01-01 00:00:00", "Asia/Shanghai")


def shell(name: str, script: str = "true", **fields: Any) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script, **EMPTY}, **fields)


def steering(project: str, name: str = "steering", **fields: Any) -> Definition:
    """A switch that takes its second branch, and conditions after it."""
    score = TaskDefinition(
        "score",
        "SHELL",
        # 3.1 loses the outputs of a task that ends at the moment in which it prints them
        {
            "rawScript": "echo '${setValue(auc=0.7)}'\nsleep 1",
            "resourceList": [],
            "localParams": [Property("auc", "OUT", "DOUBLE").to_dict()],
        },
    )
    switch = TaskDefinition(
        "check",
        "SWITCH",
        {
            **EMPTY,
            "switchResult": {
                "dependTaskList": [
                    {"condition": "${auc} > 0.9", "nextNode": "excellent"},
                    {"condition": "${auc} >= ${min_auc}", "nextNode": "good"},
                ],
                "nextNode": "bad",
            },
        },
    )
    conditions = TaskDefinition(
        "ended",
        "CONDITIONS",
        {
            **EMPTY,
            "dependence": {
                "relation": "AND",
                "dependTaskList": [
                    {"relation": "AND", "dependItemList": [{"depTaskCode": "good", "status": "SUCCESS"}]}
                ],
            },
            "conditionResult": {"successNode": ["tell"], "failedNode": ["cry"]},
        },
    )
    tasks = (score, switch, shell("excellent"), shell("good"), shell("bad"), conditions, shell("tell"), shell("cry"))
    edges = [
        ("score", "check"),
        ("check", "excellent"),
        ("check", "good"),
        ("check", "bad"),
        ("good", "ended"),
        ("ended", "tell"),
        ("ended", "cry"),
    ]
    return Definition(
        project,
        name,
        tasks,
        tuple(Relation(a, b) for a, b in edges),
        global_params=(Property("min_auc", "IN", "DOUBLE", "0.6"),),
        **fields,
    )


RAN = {"score", "check", "good", "ended", "tell"}


def ran(server: Server, project: str, name: str) -> set[str]:
    """Run a workflow; gives the tasks that ran, once it has proven to be a success."""
    run = server.start(project=project, name=name)
    assert server.follow(run, poll=0.2) == "SUCCESS"
    return {task.name for task in server.report(run, logs=False).tasks if task.state == "SUCCESS"}


def server_file(server: Server, project: str, name: str) -> list[dict[str, Any]]:
    """What the web page's export gives."""
    state = server.state(project, name)
    assert state.code is not None
    exported: list[dict[str, Any]] = server.rest.export(state.project_code, [state.code])
    return exported


def of_another_server(exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same export with task codes that this server never gave: 3.1.1 remembers those of what was deleted."""
    codes = {int(task["code"]): 10**15 + number for number, task in enumerate(exported[0]["tasks"])}

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [changed(item) for item in value]
        if isinstance(value, str) and value[:1] in ("{", "["):
            return json.dumps(changed(json.loads(value)))
        if isinstance(value, str) and value.isdigit():
            return str(changed(int(value)))
        return codes.get(value, value) if isinstance(value, int) and not isinstance(value, bool) else value

    return [changed(item) for item in exported]


def import_by_server(server: Server, project: str, exported: Any) -> str:
    """What the web page's import does; gives the name that the server made up."""
    code = server.rest.project_code(project)
    assert code is not None
    before = {w.name for w in server.rest.workflows(code)}
    server.rest.import_workflows(code, exported)
    (name,) = {w.name for w in server.rest.workflows(code)} - before
    return name


def delete(server: Server, project: str, name: str) -> None:
    state = server.state(project, name)
    assert state.code is not None
    if state.online:
        server.rest.release(state.project_code, state.code, "OFFLINE")
    server.rest.delete_workflow(state.project_code, state.code)


PIPELINE = """
from dsflow import Conditions, Shell, Switch, Workflow, succeeded

with Workflow("piped", project="PROJECT", params={"min_auc": 0.6}, schedule="0 0 2 * * ? *") as wf:
    score = Shell("score", "echo '${setValue(auc=0.7)}'; sleep 1", outputs={"auc": float})
    good, bad, tell, cry = (Shell(name, "true") for name in ("good", "bad", "tell", "cry"))
    check = Switch("check", {score.outputs.auc >= wf.params.min_auc: good}, otherwise=bad)
    Conditions("ended", succeeded(good), success=tell, failure=cry)
    score >> check
"""


# ------------------------------------------------------------------ files


def test_export_import_on_the_web_page_repair_run(
    server: Server, running: Running, project: str, tmp_path: Path
) -> None:
    (tmp_path / "x.py").write_text(PIPELINE.replace("PROJECT", project))
    said = command(replace(running.profile(), api_url=None), tmp_path, "export", "x.py", "x.json")
    assert "dsflow repair" in said

    name = import_by_server(server, project, json.loads((tmp_path / "x.json").read_text()))
    assert name.startswith("piped_import_")
    said = command(running.profile(), tmp_path, "repair", f"{project}/{name}", "--yes")

    assert "5 references set" in said
    assert ran(server, project, name) == RAN
    assert "nothing to repair" in command(running.profile(), tmp_path, "repair", f"{project}/{name}")


def test_import_to_server_does_all_of_it(server: Server, running: Running, project: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(PIPELINE.replace("PROJECT", project))
    command(running.profile(), tmp_path, "export", "x.py", "x.json")

    said = command(running.profile(), tmp_path, "import", "x.json", "--to-server", project)

    assert f"{project}/piped: imported, 5 references" in said
    assert ran(server, project, "piped") == RAN
    state = server.state(project, "piped")
    assert (state.online, [s.online for s in state.schedules]) == (True, [True])
    (workflow,) = load_workflows(tmp_path / "x.py")
    assert server.plan(workflow.definition()).differences() == []


def test_a_file_of_the_server_itself_comes_back_as_it_was(
    server: Server, running: Running, project: str, tmp_path: Path
) -> None:
    """Scheduled and online, which 3.1's own importer refuses (50029) when it is still there."""
    declared = steering(project, schedule=SCHEDULE)
    server.submit(declared)
    (tmp_path / "x.json").write_text(files.to_text(server_file(server, project, "steering")))

    said = command(running.profile(), tmp_path, "import", "x.json", "--to-server", project, "--name", "again")

    assert "its schedule is there, and offline" in said
    assert ran(server, project, "again") == RAN
    held, first = server.read(project, "again"), server.read(project, "steering")
    assert held is not None
    assert first is not None
    offline = replace(SCHEDULE, online=False)
    assert normalise(replace(held, name="steering")) == normalise(replace(first, schedule=offline))


def test_a_file_of_the_server_is_repaired_with_the_file(
    server: Server, running: Running, project: str, tmp_path: Path
) -> None:
    server.submit(steering(project))
    exported = of_another_server(server_file(server, project, "steering"))
    (tmp_path / "x.json").write_text(files.to_text(exported))
    delete(server, project, "steering")
    name = import_by_server(server, project, exported)

    said = command(running.profile(), tmp_path, "repair", f"{project}/{name}", "--yes", code=1)
    assert "not certain" in said
    assert "'check', otherwise" in said
    assert "--branch 'check:" in said
    command(running.profile(), tmp_path, "repair", f"{project}/{name}", "--yes", "--export", "x.json")

    assert ran(server, project, name) == RAN


def calling(project: str) -> list[Definition]:
    """A workflow, and one that runs it and waits for it."""
    depends = {
        "projectCode": project,
        "definitionCode": "z callee",
        "depTaskCode": "only",
        "cycle": "day",
        "dateValue": "today",
    }
    dependence = {"relation": "AND", "dependTaskList": [{"relation": "AND", "dependItemList": [depends]}]}
    tasks = (
        TaskDefinition("run it", "SUB_PROCESS", {**EMPTY, "processDefinitionCode": "z callee"}),
        TaskDefinition("wait for it", "DEPENDENT", {**EMPTY, "dependence": dependence}),
    )
    callee = Definition(project, "z callee", (shell("only"),), ())
    return [callee, Definition(project, "a caller", tasks, (Relation("run it", "wait for it"),))]


def test_workflows_that_call_each_other_come_together(server: Server, project: str) -> None:
    for definition in calling(project):
        server.submit(definition)
    states = [server.state(project, d.name) for d in calling(project)]
    exported = server.rest.export(states[0].project_code, [int(s.code or 0) for s in states])
    other = f"{project} 2"
    server.bootstrap(project=other, say=lambda line: None)

    transfer.import_to_server(server, exported[::-1], other)

    for definition in calling(other):
        held = server.read(other, definition.name)
        assert held is not None
        assert normalise(held) == normalise(with_environment(definition, ENVIRONMENT))
    assert ran(server, other, "a caller") == {"run it", "wait for it"}

    alone = [e for e in exported if e["workflow"]["name"] == "a caller"]
    with pytest.raises(UnknownNameError, match="'run it' uses workflow 'z callee' of project"):
        transfer.import_to_server(server, alone, other, "alone")


def test_of_several_workflows_all_are_imported_or_none(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = [files.export(steering(project, name))[0] for name in ("first", "second")]
    put = type(server.rest).put

    def refuse_the_second(rest: Any, path: str, doing: str, form: Any) -> Any:
        if "second" in doing:
            raise RefusedError(doing, "no", code=1)
        return put(rest, path, doing, form)

    monkeypatch.setattr(type(server.rest), "put", refuse_the_second)
    with pytest.raises(RefusedError):
        transfer.import_to_server(server, exported, project)
    code = server.rest.project_code(project)
    assert code is not None
    assert server.rest.workflows(code) == []


def test_a_name_that_is_taken_changes_nothing(server: Server, project: str) -> None:
    server.submit(steering(project))
    exported = files.export(steering(project))
    with pytest.raises(files.TransferError, match="has a workflow 'steering' already"):
        transfer.import_to_server(server, exported, project)
    code = server.rest.project_code(project)
    assert code is not None
    assert [w.name for w in server.rest.workflows(code)] == ["steering"]


def test_codes_of_another_server_are_refused_before_anything_is_written(server: Server, project: str) -> None:
    exported = files.export(steering(project))
    exported[0]["tasks"][2]["environmentCode"] = 4711
    with pytest.raises(UnknownNameError, match="'excellent' uses the environment with the code 4711"):
        transfer.import_to_server(server, exported, project)
    code = server.rest.project_code(project)
    assert code is not None
    assert server.rest.workflows(code) == []


def test_what_fails_halfway_is_deleted(server: Server, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise RefusedError("update", "no", code=1)

    monkeypatch.setattr(type(server.rest), "put", refuse)
    with pytest.raises(RefusedError):
        transfer.import_to_server(server, files.export(steering(project)), project)
    code = server.rest.project_code(project)
    assert code is not None
    assert server.rest.workflows(code) == []


# ------------------------------------------------------------------ source


def side_objects(server: Server, project: str, new: bool, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A task group, a file and another workflow for the tasks to name; the datasource is made up (no driver here)."""
    rest = server.rest
    names = {"group": f"group {project}", "datasource": f"db {project}", "file": f"/{project}.sh"}
    form = {"name": names["group"], "description": "", "groupSize": 2, "projectCode": rest.project_code(project)}
    rest.post("/task-group/create", "create a task group", form)
    monkeypatch.setitem(kinds._LOADERS, kinds.DATASOURCE, lambda rest, scope: {names["datasource"]: 7})
    folder = f"{rest.resource_base()}/{rest.user().tenant}/resources" if new else "/"
    file = {"type": "FILE", "fileName": project, "suffix": "sh", "content": "echo hi", "description": "", "pid": -1}
    rest.post("/resources/online-create", "create a file", {**file, "currentDir": folder})
    server.submit(Definition(project, "the other", (shell("only"),), ()))
    return names


def every_type(project: str, names: dict[str, str], new: bool) -> Definition:
    nasty = "echo \"a\\n'b'\"\r\n\tprintf '%s' \"${who}\" \\\n  # 中文 🎉 $[yyyyMMdd] <&>\n"
    full: dict[str, Any] = {
        "description": "what it does: \"quotes\", 'more', 中文",
        "task_priority": "HIGHEST",
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
    local = [
        Property("me", "IN", "VARCHAR", "it is me"),
        Property("n", "IN", "INTEGER", "3"),
        Property("copy", "IN", "DOUBLE", "${limit}"),
        Property("auc", "OUT", "DOUBLE"),
    ]
    depends = [
        {
            "relation": "AND",
            "dependItemList": [
                {
                    "projectCode": project,
                    "definitionCode": "the other",
                    "depTaskCode": "",
                    "cycle": "day",
                    "dateValue": "today",
                },
                {
                    "projectCode": project,
                    "definitionCode": "the other",
                    "depTaskCode": "only",
                    "cycle": "hour",
                    "dateValue": "last1Hour",
                },
            ],
        }
    ]
    groups = [
        {
            "relation": "OR",
            "dependItemList": [
                {"depTaskCode": "sql", "status": "SUCCESS"},
                {"depTaskCode": "http", "status": "FAILURE"},
            ],
        }
    ]
    tasks = (
        TaskDefinition(
            "shell",
            "SHELL",
            {
                "rawScript": nasty,
                "localParams": [p.to_dict() for p in local],
                "resourceList": [{"resourceName": names["file"]}],
            },
            **full,
        ),
        TaskDefinition(
            "python", "PYTHON", {"rawScript": "import os\n\nprint('\\\\', \"${auc}\")\n", **EMPTY}, flag="NO"
        ),
        TaskDefinition(
            "sql",
            "SQL",
            {
                **EMPTY,
                "type": "MYSQL",
                "datasource": names["datasource"],
                "sql": 'select 1 as "x";\n-- ${who}',
                "sqlType": "0",
                "displayRows": 7,
                "limit": 5,
                "preStatements": ["select 1"],
                "postStatements": ["select\n2"],
                "segmentSeparator": "",
                "sendEmail": True,
                "title": "the result",
                "groupId": "default admin warning group",
            },
        ),
        TaskDefinition(
            "http",
            "HTTP",
            {
                **EMPTY,
                "url": "http://127.0.0.1:1/x?y=${who}",
                "httpMethod": "POST",
                "httpParams": [
                    {"prop": "k", "httpParametersType": "BODY", "value": "${auc}"},
                    {"prop": "q", "httpParametersType": "PARAMETER", "value": "1"},
                    {"prop": "h", "httpParametersType": "HEADERS", "value": "2"},
                ],
                "httpCheckCondition": "STATUS_CODE_CUSTOM",
                "condition": "201",
                "connectTimeout": 1000,
                "socketTimeout": 2000,
            },
        ),
        TaskDefinition(
            "openmldb",
            "OPENMLDB",
            {
                **EMPTY,
                "zk": "zk:1",
                "zkPath": "/a",
                "executeMode": "online",
                "sql": "USE d;\nDEPLOY x OPTIONS(RANGE_BIAS=\\\"inf\\\") SELECT 'a\\x3bb' FROM ${who}",
            },
        ),
        TaskDefinition(
            "typed in",
            "OPENMLDB",
            {**EMPTY, "zk": "zk:2", "zkPath": "/b", "executeMode": "offline", "sql": "use d; select\n1;"},
        ),
        TaskDefinition("sub", "SUB_PROCESS", {**EMPTY, "processDefinitionCode": "the other"}),
        TaskDefinition(
            "switch",
            "SWITCH",
            {
                **EMPTY,
                "switchResult": {
                    "dependTaskList": [
                        {"condition": "${auc} > ${limit}", "nextNode": "sql"},
                        {"condition": "${who}.indexOf('a') >= 0", "nextNode": "http"},
                        {"condition": '(${auc} < 1) && (!(${who} == "me"))', "nextNode": "typed in"},
                    ],
                    "nextNode": "openmldb",
                },
            },
        ),
        TaskDefinition(
            "conditions",
            "CONDITIONS",
            {
                **EMPTY,
                "dependence": {"relation": "AND", "dependTaskList": groups},
                "conditionResult": {"successNode": ["sub"], "failedNode": ["dependent"]},
            },
        ),
        TaskDefinition(
            "dependent", "DEPENDENT", {**EMPTY, "dependence": {"relation": "OR", "dependTaskList": depends}}
        ),
    )
    edges = [
        ("shell", "python"),
        ("python", "switch"),
        ("switch", "sql"),
        ("switch", "http"),
        ("switch", "openmldb"),
        ("switch", "typed in"),
        ("sql", "conditions"),
        ("http", "conditions"),
        ("conditions", "sub"),
        ("conditions", "dependent"),
    ]
    return Definition(
        project,
        'every "type" 中文',
        tasks,
        tuple(Relation(a, b) for a, b in edges),
        description="a workflow with 'everything' in it",
        global_params=(
            Property("who", "IN", "VARCHAR", "someone"),
            Property("limit", "IN", "DOUBLE", "0.70"),
            Property("when", "IN", "VARCHAR", "$[yyyyMMdd-1]"),
            Property("day", "IN", "DATE", "2020-01-01"),
        ),
        timeout=90,
        execution_type="SERIAL_WAIT",
        warning_type="FAILURE",
        warning_group="default admin warning group",
        schedule=replace(SCHEDULE, failure_strategy="END", process_instance_priority="HIGH"),
    )


@pytest.mark.parametrize("suffix", ["py", "yaml"])
def test_every_type_comes_back_as_source(
    server: Server, running: Running, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    names = side_objects(server, project, running.is_new, monkeypatch)
    declared = every_type(project, names, running.is_new)
    server.submit(declared)
    file = tmp_path / f"x.{suffix}"

    from dsflow.cli.transfer import import_

    monkeypatch.setattr("dsflow.cli.transfer.load_profile", lambda name: running.profile())
    import_(None, f"{project}/{declared.name}", str(file))
    (workflow,) = load_workflows(file) if suffix == "py" else load_yaml(file)

    definition = workflow.definition()
    held = server.read(project, declared.name)
    assert held is not None
    assert normalise(with_environment(definition, ENVIRONMENT)) == normalise(held)
    assert server.plan(definition).is_empty
    assert "strict" not in file.read_text(encoding="utf-8")
    assert "RawTask" not in file.read_text(encoding="utf-8")


def raw_types(file: str) -> dict[str, dict[str, Any]]:
    """Types that dsflow has no class for, by DolphinScheduler's own fields; two hold a file in a field of their own."""
    jar = {"programType": "JAVA", "mainClass": "a.B", "mainJar": {"resourceName": file}, "mainArgs": "x ${y}"}
    data = {"customConfig": 1, "json": '{\n  "job": {}\n}'}
    return {
        "SPARK": {**jar, "programType": "SCALA", "deployMode": "local", "driverCores": 1, "numExecutors": 2},
        "MR": {**jar, "appName": "x"},
        "FLINK": {"programType": "SQL", "deployMode": "local", "rawScript": "select 1;\nselect 2", "initScript": "x"},
        "FLINK_STREAM": {"programType": "SQL", "deployMode": "local", "rawScript": "select 1", "initScript": ""},
        "DATAX": {**data, "xms": 1, "xmx": 1},
        "CHUNJUN": {**data, "others": "", "deployMode": "local"},
        "HIVECLI": {"hiveCliTaskExecutionType": "SCRIPT", "hiveSqlScript": "select 1;\nselect 2"},
        "DVC": {"dvcTaskType": "Upload", "dvcRepository": "g", "dvcVersion": "1", "dvcDataLocation": "x",
                "dvcMessage": "m", "dvcLoadSaveDataPath": "p"},
        "JUPYTER": {"condaEnvName": "x", "inputNotePath": "a", "outputNotePath": "b", "parameters": "{}"},
        "MLFLOW": {"mlflowTaskType": "MLflow Models", "deployType": "MLFLOW", "deployPort": "7000",
                   "deployModelKey": "models:/x/1", "mlflowTrackingUri": "http://x"},
        "PYTORCH": {"script": "a.py", "scriptParams": "", "pythonPath": ".", "pythonCommand": "python"},
    }  # fmt: skip


@pytest.mark.parametrize("suffix", ["py", "yaml"])
def test_types_without_a_class_of_their_own_come_back_too(
    server: Server, running: Running, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    names = side_objects(server, project, running.is_new, monkeypatch)
    types = raw_types(names["file"])
    tasks = tuple(TaskDefinition(kind.lower(), kind, {**EMPTY, **params}) for kind, params in types.items())
    server.submit(Definition(project, "raw", tasks, ()))
    (tmp_path / "dsflow.yaml").write_text("profiles: {here: {}}\n")
    command(running.profile(), tmp_path, "import", "--from-server", f"{project}/raw", "-o", f"x.{suffix}")
    file = tmp_path / f"x.{suffix}"
    (workflow,) = load_workflows(file) if suffix == "py" else load_yaml(file)
    assert {t.task_type for t in workflow.definition().tasks} == set(types)
    assert server.plan(workflow.definition()).is_empty


def test_a_file_of_the_server_as_source(server: Server, running: Running, project: str, tmp_path: Path) -> None:
    """With the server it came from, codes in the file become names."""
    server.submit(steering(project))
    (tmp_path / "x.json").write_text(files.to_text(server_file(server, project, "steering")))
    (tmp_path / "dsflow.yaml").write_text("profiles: {here: {}}\n")

    said = command(running.profile(), tmp_path, "import", "x.json", "-o", "x.py", code=1)
    assert "does not say to which project" in said
    arguments = ["import", "x.json", "-o", "x.py", "--project", project]
    said = command(Profile(), tmp_path, *arguments, code=1)
    assert "refers to the environment with the code" in said
    assert not (tmp_path / "x.py").exists()
    for more in ([], ["--profile", "here"]):  # the variables alone name a server too
        command(running.profile(), tmp_path, *arguments, *more)
        (workflow,) = load_workflows(tmp_path / "x.py")
        assert server.plan(workflow.definition()).is_empty
        (tmp_path / "x.py").unlink()


def test_what_is_not_there_is_named(running: Running, project: str, tmp_path: Path) -> None:
    profile = running.profile()
    said = command(profile, tmp_path, "import", "--from-server", f"{project}/no", "-o", "x.py", code=1)
    assert f"project {project!r} has no workflow 'no'" in said
    said = command(profile, tmp_path, "import", "--from-server", "no such/no", "-o", "x.py", code=1)
    assert "there is no project 'no such'" in said
    said = command(profile, tmp_path, "repair", f"{project}/no", code=1)
    assert "no workflow 'no'" in said
    assert not (tmp_path / "x.py").exists()


def test_names_in_a_file_are_looked_up_anew(server: Server, running: Running, project: str) -> None:
    """A file for one server, with an environment, taken to a server where that environment has another code."""
    names = kinds.server_names(server.rest)
    declared = with_environment(steering(project), ENVIRONMENT)
    exported = files.export(declared, names, server.rest.series())
    real = names.code(kinds.ENVIRONMENT, ENVIRONMENT)
    moved = json.loads(json.dumps(exported).replace(str(real), "4711"))

    transfer.import_to_server(server, moved, project)

    held = server.read(project, "steering")
    assert held is not None
    assert normalise(held) == normalise(declared)
    assert files.definitions(moved)[0] == files.definitions(exported)[0]
    assert repair.find_dangling(server.state(project, "steering").raw) == []


def foreign(entry: dict[str, Any]) -> dict[str, Any]:
    """The same file as another server of 3.1 would have written it: other codes, and no isCache."""
    text = json.dumps(entry)
    project = str(entry["workflow"]["projectCode"])
    found: dict[str, Any] = json.loads(text.replace(project, "23878883699264"))
    found.pop("dsflow")
    for task in found["tasks"]:
        task.pop("isCache", None)
    return found


def test_a_file_of_another_server_of_3_1_arrives(server: Server, project: str) -> None:
    task = shell("only", "echo here")
    (entry,) = files.export(Definition("old", "one shell", (task,), (), schedule=SCHEDULE), series=v3_1.SERIES)
    (done,) = transfer.import_to_server(server, [foreign(entry)], project)
    assert done.name == "one shell"
    held = server.read(project, "one shell")
    assert held is not None
    assert held.task("only").task_params["rawScript"] == "echo here"
    assert held.schedule is not None
    assert held.schedule.crontab == SCHEDULE.crontab


def test_ids_of_another_server_are_refused_and_nothing_arrives(
    server: Server, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this server the same number is another datasource."""
    monkeypatch.setitem(kinds._LOADERS, kinds.DATASOURCE, lambda rest, scope: {"prices": 3, "orders": 8})
    params = {**EMPTY, "customConfig": 0, "dataSource": 3, "dataTarget": 3, "sql": "select 1", "targetTable": "t"}
    (entry,) = files.export(Definition("old", "copy", (shell("a"),), ()), series=v3_1.SERIES)
    file = foreign(entry)
    file["tasks"][0] |= {"taskType": "DATAX", "taskParams": params}
    with pytest.raises(UnknownNameError, match="datasource with the code 3 of the server") as caught:
        transfer.import_to_server(server, [file], project)
    assert "--name-of datasource:3=NAME" in str(caught.value)
    assert server.read(project, "copy") is None
    transfer.import_to_server(server, [file], project, given={(kinds.DATASOURCE, "3"): "orders"})
    held = server.read(project, "copy")
    assert held is not None
    assert (held.tasks[0].task_params["dataSource"], held.tasks[0].task_params["dataTarget"]) == ("orders", "orders")


def test_a_workflow_that_is_in_another_project_is_said_to_be_there(server: Server, project: str) -> None:
    server.submit(Definition(project, "called", (shell("a"),), ()))
    sub = TaskDefinition("sub", "SUB_PROCESS", {**EMPTY, "processDefinitionCode": "called"})
    server.submit(Definition(project, "caller", (sub,), ()))
    state = server.state(project, "caller")
    file = server.rest.export(state.project_code, [int(state.code or 0)])
    other = f"{project}-other"
    server.bootstrap(project=other, say=lambda line: None)
    with pytest.raises(UnknownNameError, match=f"workflow 'called' of project {project!r}") as caught:
        transfer.import_to_server(server, file, other)
    assert "another server" not in str(caught.value)
