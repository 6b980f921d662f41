"""What imported workflows need of the Python API beyond what one would write oneself."""

from __future__ import annotations

import pytest

from dsflow import OpenMLDB, Param, RawTask, Schedule, Shell, Workflow
from dsflow.definition import Property
from dsflow.errors import DeclarationError


def test_parameters_of_dolphinscheduler_s_own_types():
    with Workflow(
        "w", project="p", params={"n": Param("007", type="INTEGER"), "d": Param("2020-01-01", type="DATE")}
    ) as wf:
        task = Shell(
            "a",
            "true",
            params={"x": Param("1", type="FLOAT"), "y": wf.params.n},
            outputs={"t": "TIMESTAMP", "f": float},
        )
    definition = wf.definition()
    assert definition.global_params == (
        Property("n", "IN", "INTEGER", "007"),
        Property("d", "IN", "DATE", "2020-01-01"),
    )
    assert definition.tasks[0].local_params == [
        Property("x", "IN", "FLOAT", "1"), Property("y", "IN", "INTEGER", "${n}"), Property("t", "OUT", "TIMESTAMP"),
        Property("f", "OUT", "DOUBLE"),
    ]  # fmt: skip
    assert (wf.params.n < 3).expression == "${n} < 3"
    assert task.outputs.t.type is str
    assert wf.definition({"n": "12"}).global_params[0].value == "12"


@pytest.mark.parametrize(
    ("param", "says"), [(Param("x", type="INTEGER"), "'x'"), (Param("x", type="NUMBER"), "'NUMBER'")]
)
def test_a_default_that_is_not_of_its_type_is_refused(param, says):
    with pytest.raises(DeclarationError, match=says):
        Workflow("w", project="p", params={"n": param})


def test_extra_fields_win_and_none_leaves_one_out():
    with Workflow("w", project="p") as wf:
        Shell("a", "true", extra={"rawScript": "false", "resourceList": None, "more": {"x": 1}})
    assert wf.definition().tasks[0].task_params == {"localParams": [], "rawScript": "false", "more": {"x": 1}}


def test_a_raw_task():
    with Workflow("w", project="p") as wf:
        RawTask("a", "SPARK", {"mainClass": "x.Y"}, retries=2)
    task = wf.definition().tasks[0]
    assert (task.task_type, task.fail_retry_times, task.task_params["mainClass"]) == ("SPARK", 2, "x.Y")
    with pytest.raises(DeclarationError, match="task_type is missing"), Workflow("v", project="p"):
        RawTask("a")


def test_the_text_of_an_openmldb_node_as_it_stands():
    with Workflow("w", project="p") as wf:
        task = OpenMLDB("a", raw_sql="use d; select\n1;;")
    assert wf.definition().tasks[0].task_params["sql"] == "use d; select\n1;;"
    assert [s.strip() for s in task.statements] == ["use d", "select\n1"]
    with pytest.raises(DeclarationError, match="either sql or raw_sql"), Workflow("v", project="p"):
        OpenMLDB("a", "select 1", raw_sql="select 1")
    with pytest.raises(DeclarationError, match="raw_sql"), Workflow("v", project="p"):
        OpenMLDB("a", raw_sql='select "1"')


def test_a_schedule_s_failure_strategy_and_priority():
    with Workflow("w", project="p", schedule=Schedule("0 0 2 * * ?", failure_strategy="END", priority="LOW")) as wf:
        Shell("a", "true")
    schedule = wf.definition().schedule
    assert schedule is not None
    assert (schedule.failure_strategy, schedule.process_instance_priority) == ("END", "LOW")
    with pytest.raises(DeclarationError, match="failure_strategy"):
        Schedule("0 0 2 * * ?", failure_strategy="STOP")  # type: ignore[arg-type]


def test_not_strict_leaves_out_dsflow_s_own_checks():
    def declare(strict: bool) -> Workflow:
        with Workflow("w", project="p", params={"x": 1}, strict=strict) as wf:
            first = Shell("a", "true", outputs={"x": int})
            OpenMLDB("b", "select ${nothing}") >> first
        return wf

    with pytest.raises(DeclarationError, match="'x'"):
        declare(True)
    assert len(declare(False).definition().tasks) == 2
