"""Definition -> DolphinScheduler's JSON -> Definition, without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.definition import SUB_WORKFLOW, Definition, Property, Relation, ScheduleDefinition, TaskDefinition
from dsflow.dolphinscheduler.wire import codec, v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.names import Names, UnknownNameError
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import DeclarationError, SourceLocation

OLD, NEW = v3_1.SERIES, v3_2.SERIES
PROJECT = 100
TABLES: dict[tuple[str, tuple[Any, ...]], dict[str, Any]] = {
    ("environment", ()): {"py": 11, "gpu": 12},
    ("alert group", ()): {"ops": 21},
    ("task group", ()): {"few": 31},
    ("datasource", ()): {"warehouse": 41},
    ("project", ()): {"p": PROJECT, "other": 101},
    ("workflow", (PROJECT,)): {"inner": 51},
    ("workflow", (101,)): {"upstream": 52},
    ("task", (101, 52)): {"load": 61},
}


def names(series: Series) -> Names:
    files: dict[str, Any] = {"/a.py": 71} if series == OLD else {"/a.py": "file:/base/t/resources/a.py"}
    return Names(lambda kind, scope: files if kind == "resource" else TABLES[kind, scope])


def through_the_server(definition: Definition, series: Series) -> Definition:
    """What reading back gives when the server stores exactly what it was sent."""
    codes = {t.name: 1000 + i for i, t in enumerate(definition.tasks)}
    known = names(series)
    sent = codec.tasks_to_server(definition, codes, known, series)
    rows = json.loads(json.dumps([series.words.sent_task(row) for row in sent]))
    raw = {
        "workflow": {
            "name": definition.name,
            "description": definition.description,
            "globalParams": json.dumps(codec.params_to_server(definition, series)),
            "timeout": definition.timeout,
            "executionType": definition.execution_type,
            "releaseState": definition.release_state,
        },
        "tasks": [{**series.words.task(r), "projectCode": PROJECT} for r in rows],
        "edges": codec.relations_to_server(definition, codes),
    }
    schedule = None
    if definition.schedule:
        form = codec.schedule_to_form(definition, known, environment=-1, tenant=None)
        schedule = {
            **form,
            **json.loads(form["schedule"]),
            "releaseState": "ONLINE" if definition.schedule.online else "OFFLINE",
        }
    return codec.from_server(raw, definition.project, known, schedule, fills_declared=series.fills_declared)


def task(kind: str, params: dict[str, Any], name: str = "t", **fields: Any) -> TaskDefinition:
    return TaskDefinition(name, kind, params, **fields)


def one(*tasks: TaskDefinition, relations: tuple[Relation, ...] = (), **fields: Any) -> Definition:
    return Definition("p", "w", tasks, relations, **fields)


ITEM = {"projectCode": "other", "definitionCode": "upstream", "cycle": "day", "dateValue": "today"}
REFERENCES = {
    "SWITCH": ({"switchResult": {"dependTaskList": [{"condition": "1==1", "nextNode": "t"}], "nextNode": ""}}, "t"),
    "CONDITIONS": (
        {
            "dependence": {"relation": "AND", "dependTaskList": [
                {"dependItemList": [{"depTaskCode": "t", "status": "SUCCESS"}]}]},
            "conditionResult": {"successNode": ["t"], "failedNode": [""]},
        },
        "t",
    ),
    "DEPENDENT": (
        {"dependence": {"relation": "OR", "dependTaskList": [{"dependItemList": [
            {**ITEM, "depTaskCode": ""}, {**ITEM, "depTaskCode": "load"}]}]}}, "load",
    ),
    "SUB_PROCESS": ({"processDefinitionCode": "inner"}, "inner"),
    "SQL": ({"datasource": "warehouse", "sql": "select 1", "type": "MYSQL"}, "warehouse"),
    "SPARK": ({"mainJar": {"resourceName": "/a.py"}, "resourceList": [{"resourceName": "/a.py"}]}, "/a.py"),
    "SOMETHING_NEW": ({"datasource": "kept as it is", "deep": {"x": [1, {"y": None}]}}, "kept as it is"),
}  # fmt: skip


@pytest.mark.parametrize("series", [OLD, NEW])
@pytest.mark.parametrize("kind", REFERENCES)
def test_references_become_codes_and_names_again(kind: str, series: tuple[int, int]) -> None:
    params, name = REFERENCES[kind]
    definition = one(task(kind, params))
    sent = codec.tasks_to_server(definition, {"t": 1000}, names(series), series)[0]["taskParams"]
    if kind != "SOMETHING_NEW":
        assert f'"{name}"' not in json.dumps(sent)
    assert codec.normalise(through_the_server(definition, series)) == codec.normalise(definition)
    assert definition.tasks[0].task_params == params  # not changed in place


def test_what_is_sent_for_each_reference() -> None:
    def sent(kind: str, series: tuple[int, int]) -> dict[str, Any]:
        return codec.tasks_to_server(one(task(kind, REFERENCES[kind][0])), {"t": 1000}, names(series), series)[0][
            "taskParams"
        ]

    assert sent("SWITCH", OLD)["switchResult"] == {
        "dependTaskList": [{"condition": "1==1", "nextNode": 1000}],
        "nextNode": "",
    }
    assert sent("CONDITIONS", NEW)["conditionResult"] == {"successNode": [1000], "failedNode": [""]}
    items = sent("DEPENDENT", NEW)["dependence"]["dependTaskList"][0]["dependItemList"]
    assert [(i["projectCode"], i["definitionCode"], i["depTaskCode"]) for i in items] == [(101, 52, 0), (101, 52, 61)]
    assert sent("SPARK", OLD)["resourceList"] == [{"id": 71}]
    assert sent("SPARK", NEW)["resourceList"] == [{"resourceName": "file:/base/t/resources/a.py"}]
    assert sent("SQL", OLD)["localParams"] == []


def test_fields_that_only_one_version_has() -> None:
    cached = one(task("SHELL", {}, is_cache=True, where=SourceLocation("x.py", 3)))
    assert codec.tasks_to_server(cached, {"t": 1}, names(NEW), NEW)[0]["isCache"] == "YES"
    with pytest.raises(DeclarationError, match=r"x.py:3.*cached result"):
        codec.tasks_to_server(cached, {"t": 1}, names(OLD), OLD)
    assert "isCache" not in codec.tasks_to_server(one(task("SHELL", {})), {"t": 1}, names(OLD), OLD)[0]


def test_an_unknown_name_says_where_and_what_is_known() -> None:
    wrong = one(task("SHELL", {}, environment="pyy", where=SourceLocation("x.py", 7)))
    with pytest.raises(UnknownNameError) as error:
        codec.tasks_to_server(wrong, {"t": 1}, names(NEW), NEW)
    assert str(error.value) == (
        "x.py:7: task 't' uses environment 'pyy', but the server has no such environment\n"
        "  hint: did you mean 'py'? known: gpu, py"
    )
    elsewhere = one(task("SWITCH", {"switchResult": {"nextNode": "gone"}}))
    with pytest.raises(UnknownNameError, match="leads to task 'gone'"):
        codec.tasks_to_server(elsewhere, {"t": 1}, names(NEW), NEW)


def test_codes_that_lead_nowhere_are_shown_as_codes() -> None:
    row = {"code": 5, "name": "s", "taskType": "SWITCH", "projectCode": PROJECT, "environmentCode": 99,
           "taskParams": json.dumps({"switchResult": {"nextNode": [4], "dependTaskList": []}})}  # fmt: skip
    raw = {"workflow": {"name": "w"}, "tasks": [row], "edges": []}
    read = codec.from_server(raw, "p", names(NEW)).tasks[0]
    assert read.task_params["switchResult"]["nextNode"] == "#4"
    assert read.environment == "#99"


def test_edges_from_nothing_lead_to_each_first_task() -> None:
    definition = one(*(task("SHELL", {}, n) for n in "abc"), relations=(Relation("a", "b"),))
    sent = codec.relations_to_server(definition, {"a": 1, "b": 2, "c": 3}, {"x": 1})
    assert [(r["preTaskCode"], r["postTaskCode"], r["conditionParams"]) for r in sent] == [
        (0, 1, {"x": 1}), (0, 3, {}), (1, 2, {}),
    ]  # fmt: skip


def test_what_counts_as_the_same_workflow() -> None:
    a, b = task("SHELL", {"rawScript": "x"}, "a"), task("SHELL", {"rawScript": "y"}, "b")
    plain = one(a, b, relations=(Relation("a", "b"),))
    filled = replace(a, task_params={"rawScript": "x", "localParams": [], "resourceList": None, "dependence": {},
                                     "conditionResult": {"successNode": [""], "failedNode": [""]}})  # fmt: skip
    other = one(b, filled, relations=(Relation("a", "b"), Relation("a", "b")), warning_type="ALL", worker_group="x")
    assert codec.normalise(plain) == codec.normalise(other)
    schedule = ScheduleDefinition("0 0 2 * * ? *", "2030-01-01 00:00:00", "2031-01-01 00:00:00", "UTC")
    assert codec.normalise(replace(plain, schedule=schedule)) != codec.normalise(replace(other, schedule=schedule))
    conditions = task("CONDITIONS", {"conditionResult": {"successNode": [""], "failedNode": [""]}})
    assert "conditionResult" in codec.normalise(one(conditions)).tasks[0].task_params


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PROPERTIES = st.builds(
    Property, TEXT, st.sampled_from(["IN", "OUT"]), st.sampled_from(["VARCHAR", "INTEGER", "DOUBLE", "LIST"]), TEXT
)
TASKS = st.builds(
    TaskDefinition,
    name=TEXT,
    task_type=st.sampled_from(["SHELL", "PYTHON", "OPENMLDB", "HTTP", "MADE_UP"]),
    task_params=st.fixed_dictionaries(
        {"rawScript": TEXT, "more": VALUES},
        optional={"localParams": st.lists(PROPERTIES.map(Property.to_dict), max_size=2)},
    ),
    description=TEXT,
    flag=st.sampled_from(["YES", "NO"]),
    task_priority=st.sampled_from(["HIGHEST", "LOW"]),
    worker_group=st.sampled_from(["default", "gpu"]),
    environment=st.sampled_from(["", "py", "gpu"]),
    delay_time=st.integers(0, 9),
    fail_retry_times=st.integers(0, 9),
    fail_retry_interval=st.integers(0, 9),
    timeout=st.integers(0, 9),
    timeout_notify_strategy=st.sampled_from(["WARN", "FAILED", "WARNFAILED"]),
    task_group=st.sampled_from(["", "few"]),
    task_group_priority=st.integers(0, 9),
    cpu_quota=st.sampled_from([-1, 50]),
    memory_max=st.sampled_from([-1, 512]),
)
SCHEDULES = st.none() | st.builds(
    ScheduleDefinition,
    st.just("0 0 2 * * ? *"), st.just("2030-01-01 00:00:00"), st.just("2031-01-01 00:00:00"), st.just("UTC"),
    st.booleans(), st.sampled_from(["CONTINUE", "END"]), st.sampled_from(["MEDIUM", "HIGH"]),
)  # fmt: skip


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    tasks = draw(st.lists(TASKS, min_size=1, max_size=5, unique_by=lambda t: t.name))
    pairs = [(a.name, b.name) for i, a in enumerate(tasks) for b in tasks[i + 1 :]]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Definition(
        "p", draw(TEXT), tuple(tasks), tuple(Relation(a, b) for a, b in edges), draw(TEXT),
        tuple(draw(st.lists(PROPERTIES, max_size=3))), draw(st.integers(0, 99)),
        draw(st.sampled_from(["PARALLEL", "SERIAL_WAIT"])), draw(st.sampled_from(["ONLINE", "OFFLINE"])),
        draw(st.sampled_from(["NONE", "ALL"])), draw(st.sampled_from(["", "ops"])),
        draw(st.sampled_from(["default", "gpu"])), draw(SCHEDULES),
    )  # fmt: skip


@given(definitions(), st.sampled_from([OLD, NEW]))
def test_any_workflow_comes_back_as_it_was(definition: Definition, series: tuple[int, int]) -> None:
    assert codec.normalise(through_the_server(definition, series)) == codec.normalise(definition)


# ------------------------------------------------------------------ 3.3 and later


def test_outputs_that_are_used_are_declared_by_the_workflow_from_3_3_on() -> None:
    train = task(
        "PYTHON", {"rawScript": "", "localParams": [out("auc", "DOUBLE"), out("path"), out("unused")]}, "train"
    )
    reader = task("SHELL", {"rawScript": "echo ${auc} ${day}"}, "reader")
    definition = one(train, reader, global_params=(Property("day"), Property("model", value="m/${path}")))
    sent = codec.params_to_server(definition, v3_4.SERIES)
    assert sent[2:] == [
        {"prop": "auc", "direct": "IN", "type": "DOUBLE", "value": ""},
        {"prop": "path", "direct": "IN", "type": "VARCHAR", "value": ""},
    ]
    assert codec.params_to_server(definition, v3_2.SERIES) == sent[:2]
    for series in (v3_2.SERIES, v3_3.SERIES, v3_4.SERIES):
        assert through_the_server(definition, series).global_params == definition.global_params


def test_an_empty_parameter_named_like_an_output_is_one_on_3_2() -> None:
    definition = one(task("PYTHON", {"localParams": [out("auc")]}), global_params=(Property("auc"),))
    assert through_the_server(definition, v3_2.SERIES).global_params == (Property("auc"),)


def test_a_sub_workflow_is_called_so_from_3_3_on() -> None:
    definition = one(task("SUB_PROCESS", {SUB_WORKFLOW: "inner", "localParams": []}))
    (sent,) = codec.tasks_to_server(definition, {"t": 1}, names(NEW), v3_4.SERIES)
    assert v3_4.SERIES.words.sent_task(sent)["taskParams"]["workflowDefinitionCode"] == 51
    (read,) = through_the_server(definition, v3_4.SERIES).tasks
    assert (read.task_type, read.task_params[SUB_WORKFLOW]) == ("SUB_PROCESS", "inner")
    assert "isCache" not in sent


def test_what_a_schedule_does_with_missed_times_is_kept() -> None:
    schedule = ScheduleDefinition("0 0 0 * * ? *", "2024-01-01 00:00:00", "2025-01-01 00:00:00", "UTC")
    definition = one(task("SHELL", {}), schedule=schedule)
    kept = codec.missed_fires({"missedFirePolicy": "SKIP_MISSED", "id": 3})
    form = codec.schedule_to_form(definition, names(NEW), environment=-1, tenant="t", kept=kept)
    assert json.loads(form["schedule"])["missedFirePolicy"] == "SKIP_MISSED"
    assert codec.missed_fires({"id": 3}) == {}


def out(name: str, kind: str = "VARCHAR") -> dict[str, str]:
    return {"prop": name, "direct": "OUT", "type": kind, "value": ""}
