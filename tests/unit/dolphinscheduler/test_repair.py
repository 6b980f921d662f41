"""Deciding where a branch that leads nowhere should lead, without a server."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dsflow.dolphinscheduler.repair import (
    Evidence,
    RepairError,
    RepairPlan,
    decide,
    exported_names,
    find_dangling,
    made_up_code,
    repaired,
    unclear,
)


def task(code: int, name: str, kind: str = "SHELL", **params: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "taskType": kind, "taskParams": params}


def edge(pre: int, post: int) -> dict[str, Any]:
    return {"preTaskCode": pre, "postTaskCode": post}


def switch(code: int, name: str, *nodes: Any) -> dict[str, Any]:
    *branches, otherwise = nodes
    listed = [{"condition": f"${{x}} > {i}", "nextNode": node} for i, node in enumerate(branches)]
    return task(code, name, "SWITCH", switchResult={"dependTaskList": listed, "nextNode": otherwise})


def workflow(*nodes: Any) -> dict[str, Any]:
    """s leads to a, b and c; its branches hold these codes."""
    return {
        "tasks": [switch(1, "s", *nodes), task(2, "a"), task(3, "b"), task(4, "c"), task(5, "far")],
        "edges": [edge(0, 1), edge(1, 2), edge(1, 3), edge(1, 4), edge(2, 5)],
    }


def decided(plan: RepairPlan) -> dict[str, str]:
    return {m.dangling.place: m.target for m in plan.mendings}


def test_a_whole_workflow_has_nothing_to_repair():
    assert find_dangling(workflow(2, 3, 4)) == []
    assert decide(workflow(2, 3, 4), Evidence()).is_empty


def test_codes_as_texts_and_in_lists_are_codes_too():
    assert [d.code for d in find_dangling(workflow("99", [3], [98]))] == [99, 98]


def without_edge_to_c(*nodes: Any) -> dict[str, Any]:
    raw = workflow(*nodes)
    return {**raw, "edges": [e for e in raw["edges"] if e["postTaskCode"] != 4]}


def test_no_branch_is_no_dangling_branch():
    assert find_dangling(without_edge_to_c(2, 3, None)) == []
    assert find_dangling(without_edge_to_c(2, 3, "")) == []


def test_a_branch_that_was_emptied_leads_where_its_edge_does():
    raw = workflow(None, "", None)  # as the page leaves a copy that was saved
    for row, label in zip(raw["edges"][1:4], ("x > 0", "x > 1", "otherwise"), strict=True):
        row["name"] = label
    plan = decide(raw, Evidence())
    assert decided(plan) == {"branch 1 (${x} > 0)": "a", "branch 2 (${x} > 1)": "b", "otherwise": "c"}
    assert find_dangling(repaired(raw, plan)) == []
    assert "nothing (-1) -> 'a' (the edge to it says 'x > 0')" in plan.lines()[0]


def test_of_two_emptied_branches_without_labels_one_is_to_be_said():
    plan = decide(workflow(None, None, 4), Evidence())
    assert not plan.mendings
    assert [c.options for c in plan.choices] == [("a", "b"), ("a", "b")]
    said = decide(workflow(None, None, 4), Evidence(given={("s", -1): "b"}))
    assert decided(said) == {"branch 1 (${x} > 0)": "b", "branch 2 (${x} > 1)": "a"}


def test_one_left_open_and_one_neighbour_left_belong_together():
    plan = decide(workflow(2, 99, 4), Evidence())
    assert decided(plan) == {"branch 2 (${x} > 1)": "b"}
    assert plan.choices == ()


def test_two_branches_with_the_same_old_code_are_one():
    raw = workflow(99, 99, 4)
    raw["edges"] = [edge(1, 3), edge(1, 4)]
    assert decided(decide(raw, Evidence())) == {"branch 1 (${x} > 0)": "b", "branch 2 (${x} > 1)": "b"}


def test_two_left_open_are_a_question():
    plan = decide(workflow(99, 98, 4), Evidence())
    assert plan.mendings == ()
    assert [c.options for c in plan.choices] == [("a", "b"), ("a", "b")]
    error = str(unclear(plan))
    assert "'s', branch 1 (${x} > 0): 99 -> ? (one of 'a', 'b')" in error
    assert "--branch 's:99=a'" in error


def test_an_answer_makes_the_rest_certain():
    plan = decide(workflow(99, 98, 4), Evidence(given={("s", 98): "a"}))
    assert decided(plan) == {"branch 1 (${x} > 0)": "b", "branch 2 (${x} > 1)": "a"}


def test_nothing_is_deduced_where_an_edge_is_missing():
    raw = workflow(99, 3, 4)
    raw["edges"] = [edge(1, 3), edge(1, 4)]
    (choice,) = decide(raw, Evidence()).choices
    assert choice.options == ()


def test_the_export_file_knows_the_old_codes():
    exported = [{"tasks": [{"code": 99, "name": "c"}, {"code": 98, "name": "a"}]}]
    plan = decide(workflow(99, 98, 97), Evidence(exported=exported_names(exported)))
    assert decided(plan) == {"branch 1 (${x} > 0)": "c", "branch 2 (${x} > 1)": "a", "otherwise": "b"}
    assert "export file" in plan.mendings[0].because


def test_the_server_knows_the_old_codes():
    plan = decide(workflow(99, 98, 4), Evidence(look_up={99: "b", 98: "a"}.get))
    assert decided(plan) == {"branch 1 (${x} > 0)": "b", "branch 2 (${x} > 1)": "a"}


def test_a_name_of_another_workflow_is_no_evidence():
    plan = decide(workflow(99, 98, 4), Evidence(look_up={99: "elsewhere", 98: "nowhere"}.get))
    assert len(plan.choices) == 2


def test_codes_that_an_export_made_up_are_recognised():
    plan = decide(workflow(made_up_code("c"), made_up_code("a"), made_up_code("b")), Evidence())
    assert decided(plan) == {"branch 1 (${x} > 0)": "c", "branch 2 (${x} > 1)": "a", "otherwise": "b"}


def test_what_is_said_wins_over_what_is_found():
    evidence = Evidence(given={("s", 99): "b"}, exported={99: "a"}, look_up={99: "c"}.get)
    assert decided(decide(workflow(99, 3, 4), evidence))["branch 1 (${x} > 0)"] == "b"


@pytest.mark.parametrize(
    ("key", "target", "says"),
    [
        (("s", 2), "a", "task 's' has no dangling branch 2"),
        (("t", 99), "a", "task 't' has no dangling branch 99"),
        (("s", 99), "x", "there is no task 'x'"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(key, target, says):
    with pytest.raises(RepairError, match=says):
        decide(workflow(99, 3, 4), Evidence(given={key: target}))


def conditions_workflow(looked_at: int, success: int, failure: int) -> dict[str, Any]:
    conditions = task(
        3, "conditions", "CONDITIONS",
        dependence={"dependTaskList": [{"dependItemList": [
            {"depTaskCode": 1, "status": "SUCCESS"}, {"depTaskCode": looked_at, "status": "FAILURE"}]}]},
        conditionResult={"successNode": [success], "failedNode": [failure]},
    )  # fmt: skip
    return {
        "tasks": [task(1, "a"), task(2, "b"), conditions, task(4, "yes"), task(5, "no")],
        "edges": [edge(1, 3), edge(2, 3), edge(3, 4), edge(3, 5)],
    }


def test_conditions_look_back_and_lead_on():
    plan = decide(conditions_workflow(99, 98, 5), Evidence())
    assert decided(plan) == {"looks at (FAILURE)": "b", "on success": "yes"}
    assert find_dangling(repaired(conditions_workflow(99, 98, 5), plan)) == []
    assert repaired(conditions_workflow(99, 98, 5), plan) == conditions_workflow(2, 4, 5)


def test_repairing_changes_only_what_dangles():
    raw = workflow(99, 3, 4)
    before = copy.deepcopy(raw)
    assert repaired(raw, decide(raw, Evidence())) == workflow(2, 3, 4)
    assert raw == before
