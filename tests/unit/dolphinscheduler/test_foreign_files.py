"""Export files of other servers and versions: ids become names, or are named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from dsflow import Dependent, DependsOn, Workflow
from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.wire import codec, files, oldfiles, v3_1, v3_2
from dsflow.dolphinscheduler.wire import names as kinds
from dsflow.dolphinscheduler.wire.arrival import callees_first
from dsflow.dolphinscheduler.wire.names import Names, UnknownNameError
from tests.unit.source.definitions import orderly

THERE = {
    "datasource": {"orders": 3, "lake": 4},
    "alert group": {"admins": 21},
    "UDF": {"mask": 5, "hash": 6},
    "K8s namespace": {"east/jobs": "east/jobs"},
    "project": {"demo": 100},
    "resource": {"/a.jar": 7},
}
SERVER = Names(lambda kind, scope: THERE.get(kind, {}))
CASES = [
    ("DATAX", {"customConfig": 0, "dataSource": 3, "dataTarget": 4}, {"dataSource": "orders", "dataTarget": "lake"}),
    ("CHUNJUN", {"dataSource": 3, "dataTarget": 4}, {"dataSource": "orders", "dataTarget": "lake"}),
    ("REMOTESHELL", {"datasource": 4}, {"datasource": "lake"}),
    ("ZEPPELIN", {"datasource": 4, "noteId": "3"}, {"datasource": "lake", "noteId": "3"}),
    (
        "SQOOP",
        {"sourceParams": '{"srcTable":"t","srcDatasource":3}', "targetParams": '{"targetDatasource":4}'},
        {"sourceParams": '{"srcTable":"t","srcDatasource":"orders"}', "targetParams": '{"targetDatasource":"lake"}'},
    ),
    (
        "DATA_QUALITY",
        {"ruleId": 3, "ruleInputParameter": {"src_datasource_id": 3, "target_datasource_id": 4, "threshold": "3"}},
        {"ruleInputParameter": {"src_datasource_id": "orders", "target_datasource_id": "lake", "threshold": "3"}},
    ),
    ("SQL", {"datasource": 3, "groupId": 21, "udfs": "5,6"},
     {"datasource": "orders", "groupId": "admins", "udfs": "mask,hash"}),
]  # fmt: skip


def row(task_type: str, params: dict[str, Any], name: str = "a", code: int = 1) -> dict[str, Any]:
    return {"name": name, "code": code, "taskType": task_type, "taskParams": params, "projectCode": 9000}


def entry(*tasks: dict[str, Any], name: str = "w", code: int = 900001) -> dict[str, Any]:
    return {
        "workflow": {"name": name, "code": code, "projectCode": 9000, "globalParams": "[]"},
        "edges": [{"preTaskCode": 0, "postTaskCode": t["code"]} for t in tasks],
        "tasks": list(tasks),
    }


@pytest.mark.parametrize(("task_type", "held", "named"), CASES, ids=[case[0] for case in CASES])
def test_ids_among_a_tasks_fields_are_names_both_ways(task_type, held, named):
    raw = entry(row(task_type, copy.deepcopy(held)))
    definition = codec.from_server(raw, "demo", SERVER)
    params = definition.tasks[0].task_params
    assert {key: params[key] for key in named} == named
    (sent,) = codec.tasks_to_server(definition, {"a": 1}, SERVER, v3_2.SERIES)
    assert {key: sent["taskParams"][key] for key in held} == held
    for text in ("orders", "lake", "admins", "mask"):
        if text in json.dumps(named):
            other = Names(lambda kind, scope: {"something": 1})
            with pytest.raises(UnknownNameError, match="task 'a' uses"):
                codec.tasks_to_server(definition, {"a": 1}, other, v3_2.SERIES)


def test_a_number_in_place_of_a_name_is_refused():
    task = TaskDefinition("a", "DATAX", {"dataSource": 3, "dataTarget": 4})
    with pytest.raises(UnknownNameError, match="datasource '3'"):
        codec.tasks_to_server(Definition("p", "w", (task,), ()), {"a": 1}, SERVER, v3_2.SERIES)


def test_texts_that_are_not_json_and_zeros_stay():
    params = {"sourceParams": "${source}", "targetParams": '{"targetDatasource": 0}', "dataSource": 3}
    (task,) = codec.from_server(entry(row("SQOOP", params)), "demo", SERVER).tasks
    assert task.task_params["sourceParams"] == "${source}"
    assert json.loads(task.task_params["targetParams"]) == {"targetDatasource": 0}


def test_two_ways_to_write_the_same_json_text_are_one():
    spaced, dense = ('{ "srcDatasource": "orders" }', '{"srcDatasource":"orders"}')
    one, two = (
        Definition("p", "w", (TaskDefinition("a", "SQOOP", {"sourceParams": text}),), ()) for text in (spaced, dense)
    )
    assert codec.normalise(one) == codec.normalise(two)


def test_a_k8s_namespace_has_to_be_there():
    def sent(cluster: str) -> Any:
        params = {"namespace": json.dumps({"name": "jobs", "cluster": cluster})}
        return codec.tasks_to_server(
            Definition("p", "w", (TaskDefinition("a", "K8S", params),), ()), {"a": 1}, SERVER, v3_2.SERIES
        )

    assert json.loads(sent("east")[0]["taskParams"]["namespace"]) == {"name": "jobs", "cluster": "east"}
    with pytest.raises(UnknownNameError, match="K8s namespace 'west/jobs'"):
        sent("west")


def test_a_number_that_only_the_old_server_could_name_is_told():
    exported = [entry(row("DATAX", {"dataSource": 3, "dataTarget": 4}))]
    notes: list[str] = []
    (kept,) = files.definitions(exported, "demo", notes=notes)
    assert kept.tasks[0].task_params["dataSource"] == 3
    assert [note for note in notes if "--name-of datasource:3=NAME" in note]
    given = {(kinds.DATASOURCE, "3"): "orders", (kinds.DATASOURCE, "4"): "lake"}
    notes.clear()
    (named,) = files.definitions(exported, "demo", given=given, notes=notes)
    assert (named.tasks[0].task_params["dataSource"], notes) == ("orders", [])


def test_a_datasource_of_sql_is_refused_until_it_is_named():
    exported = [entry(row("SQL", {"datasource": 3, "sql": "select 1"}))]
    with pytest.raises(files.TransferError, match="datasource with the code 3") as caught:
        files.definitions(exported, "demo")
    assert "--name-of datasource:3=NAME" in str(caught.value)
    (named,) = files.definitions(exported, "demo", given={(kinds.DATASOURCE, "3"): "orders"})
    assert named.tasks[0].task_params["datasource"] == "orders"


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"resourceName": "/dolphinscheduler/default/resources/lib/a.jar"}, "/lib/a.jar"),
        ({"resourceName": "file:/ds/storage/root/resources/a.jar"}, "/a.jar"),
        ({"id": 7, "res": "lib/a.jar"}, "/lib/a.jar"),
        ({"id": 7, "resourceName": "/a.jar"}, "/a.jar"),
    ],
)
def test_a_file_is_known_by_its_path(item, name):
    exported = [entry(row("SPARK", {"mainJar": item, "resourceList": [item]}))]
    (found,) = files.definitions(exported, "demo")
    assert found.tasks[0].task_params["mainJar"]["resourceName"] == name
    assert found.tasks[0].task_params["resourceList"][0]["resourceName"] == name


def test_workflows_come_after_those_that_they_call_and_not_after_numbers_in_scripts():
    called = entry(row("SHELL", {"rawScript": "echo 900003"}), name="called", code=900002)
    caller = entry(row("SUB_PROCESS", {"processDefinitionCode": 900002}), name="caller", code=900003)
    assert [e["workflow"]["name"] for e in callees_first([caller, called])] == ["called", "caller"]


FIRST = {
    "projectName": "old",
    "processDefinitionName": "nightly",
    "processDefinitionDescription": "from 1.3",
    "scheduleCrontab": "0 0 2 * * ? *",
    "scheduleStartTime": "2020-01-01 00:00:00",
    "scheduleEndTime": "2030-01-01 00:00:00",
    "processDefinitionJson": json.dumps(
        {
            "globalParams": [{"prop": "dt", "direct": "IN", "type": "VARCHAR", "value": "${system.biz.date}"}],
            "timeout": 30,
            "tasks": [
                {
                    "type": "SHELL", "id": "tasks-1", "name": "load", "runFlag": "NORMAL", "maxRetryTimes": "2",
                    "retryInterval": "5", "taskInstancePriority": "HIGH", "workerGroup": "default", "preTasks": [],
                    "params": {"rawScript": "echo ${dt}", "resourceList": [{"id": 9, "res": "x.sh"}]},
                    "timeout": {"strategy": "WARN,FAILED", "interval": 10, "enable": True},
                },
                {
                    "type": "SQL", "name": "count", "runFlag": "FORBIDDEN", "preTasks": ["load"],
                    "params": {"type": "MYSQL", "datasource": 3, "sql": "select 1", "sqlType": "0"},
                },
                {
                    "type": "CONDITIONS", "name": "which", "preTasks": ["count"],
                    "conditionResult": {"successNode": ["good"], "failedNode": ["bad"]},
                    "dependence": {"relation": "AND", "dependTaskList": [
                        {"relation": "AND", "dependItemList": [{"depTasks": "count", "status": "SUCCESS"}]}]},
                },
                {"type": "SHELL", "name": "good", "preTasks": ["which"], "params": {"rawScript": "true"}},
                {"type": "SUB_PROCESS", "name": "bad", "preTasks": ["which"], "params": {"processDefinitionId": 12}},
                {
                    "type": "DEPENDENT", "name": "wait", "preTasks": [],
                    "dependence": {"relation": "AND", "dependTaskList": [{"relation": "AND", "dependItemList": [
                        {"projectId": 1, "definitionId": 13, "depTasks": "ALL", "cycle": "day", "dateValue": "today"},
                        {"projectId": 1, "definitionId": 13, "depTasks": "x", "cycle": "day", "dateValue": "today"}]}]},
                },
            ],
        }
    ),
}  # fmt: skip
GIVEN = {
    (kinds.DATASOURCE, "3"): "orders", (kinds.WORKFLOW, "12"): "cleanup", (kinds.PROJECT, "1"): "other",
    (kinds.WORKFLOW, "13"): "feed",
}  # fmt: skip


def test_a_file_of_1_x_is_read_as_far_as_names_are_given():
    exported = files.check_exported(oldfiles.as_exported([FIRST], "x"), "x")
    assert "DolphinScheduler 1.x" in oldfiles.version_note(exported)
    assert "time zone" in oldfiles.version_note(exported)
    with pytest.raises(files.TransferError, match=r"--name-of datasource:3=NAME"):
        files.definitions(exported)
    (found,) = files.definitions(exported, given=GIVEN)
    assert (found.project, found.name, found.timeout, found.description) == ("old", "nightly", 30, "from 1.3")
    load = found.task("load")
    assert (load.fail_retry_times, load.fail_retry_interval, load.task_priority, load.timeout) == (2, 5, "HIGH", 10)
    assert (load.timeout_notify_strategy, load.task_params["resourceList"]) == (
        "WARNFAILED",
        [{"resourceName": "/x.sh"}],
    )
    assert (found.task("count").flag, found.task("count").task_params["datasource"]) == ("NO", "orders")
    assert found.task("which").task_params["conditionResult"] == {"successNode": ["good"], "failedNode": ["bad"]}
    assert found.task("bad").task_params["processDefinitionCode"] == "cleanup"
    (group,) = found.task("wait").task_params["dependence"]["dependTaskList"]
    assert [(i["projectCode"], i["definitionCode"], i["depTaskCode"]) for i in group["dependItemList"]] == [
        ("other", "feed", ""), ("other", "feed", "x"),
    ]  # fmt: skip
    assert {(r.pre, r.post) for r in found.relations} == {
        ("load", "count"), ("count", "which"), ("which", "good"), ("which", "bad"),
    }  # fmt: skip
    assert found.schedule is not None
    assert (found.schedule.crontab, found.schedule.online) == ("0 0 2 * * ? *", False)


def test_a_file_of_1_x_that_is_broken_says_whose_it_is():
    with pytest.raises(files.TransferError, match=r"'nightly' of this file of DolphinScheduler 1\.x"):
        oldfiles.as_exported([{**FIRST, "processDefinitionJson": "{}"}], "x")


def newer(exported: dict[str, Any]) -> dict[str, Any]:
    """A file as 3.3 names its parts."""
    text = json.dumps(exported)
    for old, new in (
        ('"workflow"', '"workflowDefinition"'),
        ('"edges"', '"workflowTaskRelationList"'),
        ('"tasks"', '"taskDefinitionList"'),
        ("processDefinitionCode", "workflowDefinitionCode"),
        ('"runPriority"', '"workflowInstancePriority"'),
        ("SUB_PROCESS", "SUB_WORKFLOW"),
    ):
        text = text.replace(old, new)
    return json.loads(text)


def test_a_file_of_3_3_is_read():
    exported = [entry(row("SUB_PROCESS", {"processDefinitionCode": 12}), row("SHELL", {"rawScript": "x"}, "b", 2))]
    read = files.check_exported(oldfiles.as_exported([newer(exported[0])], "x"), "x")
    assert "3.3 or later" in oldfiles.version_note(read)
    given = {(kinds.WORKFLOW, "12"): "cleanup"}
    assert files.definitions(read, "demo", given=given) == files.definitions(exported, "demo", given=given)


def test_a_file_of_2_x_is_named_and_read():
    exported = [entry(row("SHELL", {"rawScript": "x"}))]
    assert "2.x or 3.0" in oldfiles.version_note(exported)
    assert files.definitions(exported, "demo")[0].tasks[0].task_params["rawScript"] == "x"
    exported[0]["tasks"][0]["taskExecuteType"] = "BATCH"
    assert oldfiles.version_note(exported) == ""
    assert oldfiles.version_note(files.export(orderly())) == ""


def test_a_dependence_on_another_project_names_it_in_a_group():
    with Workflow("w", project="demo") as workflow:
        Dependent("wait", DependsOn("far", project="legacy"))
    tables = {("project", ()): {"demo": 100, "legacy": 101}, ("workflow", (101,)): {"far": 52}}
    names = Names(lambda kind, scope: tables.get((kind, scope), {}))
    (sent,) = codec.tasks_to_server(workflow.definition(), {"wait": 1}, names, v3_1.SERIES)
    ((item,),) = [group["dependItemList"] for group in sent["taskParams"]["dependence"]["dependTaskList"]]
    assert (item["projectCode"], item["definitionCode"], item["depTaskCode"]) == (101, 52, 0)
