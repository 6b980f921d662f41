"""What a DEPENDENT task waits for."""

from __future__ import annotations

from dsflow.definition import TaskDefinition
from dsflow.dolphinscheduler.wire.dependences import Dependence, dependences, without_dependences


def item(project: str, workflow: str, task: str) -> dict[str, str]:
    return {"projectCode": project, "definitionCode": workflow, "depTaskCode": task, "cycle": "day"}


TASK = TaskDefinition(
    "wait",
    "DEPENDENT",
    {
        "dependence": {
            "relation": "OR",
            "dependTaskList": [
                {"relation": "AND", "dependItemList": [item("p", "up", "load"), item("p", "other", "*")]},
                {"relation": "AND", "dependItemList": [item("q", "up", "")]},
            ],
        }
    },
)


def test_what_a_task_waits_for() -> None:
    assert dependences(TASK) == [Dependence("p", "up", "load"), Dependence("p", "other", ""), Dependence("q", "up", "")]
    assert dependences(TaskDefinition("a", "SHELL", {"rawScript": "true"})) == []


def test_some_are_left_out_and_all_else_stays() -> None:
    left = without_dependences(TASK, lambda one: one.workflow == "up")
    assert left.task_params == {
        "dependence": {
            "relation": "OR",
            "dependTaskList": [
                {"relation": "AND", "dependItemList": [item("p", "other", "*")]},
                {"relation": "AND", "dependItemList": []},
            ],
        }
    }
    assert len(dependences(TASK)) == 3
