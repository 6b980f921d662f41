"""Places as the server stores them, and what the web page leaves of them and of types."""

from __future__ import annotations

import json

import pytest

from dsflow.branches import short_labels
from dsflow.definition import Definition, Property, Relation, TaskDefinition
from dsflow.dolphinscheduler.pagesave import with_types_of
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.wire.codec import relations_to_server
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint
from dsflow.dolphinscheduler.wire.locations import content_mark, locations_text, stored


def shell(name: str) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": "true"})


LEAST = Property("least", type="DOUBLE", value="0.7")
CHAIN = Definition("p", "w", (shell("a"), shell("b")), (Relation("a", "b"),), global_params=(LEAST,))


def test_what_is_written_is_read_again_with_its_mark() -> None:
    row = {"locations": locations_text(CHAIN, {"a": 1, "b": 2}, {})}
    places = stored(row)
    assert set(places) == {1, 2}
    assert places[1] != places[2]
    assert content_mark(row) == fingerprint(CHAIN)


def test_stored_places_are_kept() -> None:
    row = {"locations": locations_text(CHAIN, {"a": 1, "b": 2}, {1: (777, 5), 9: (0, 0)})}
    assert stored(row)[1] == (777, 5)
    assert 9 not in stored(row)


@pytest.mark.parametrize(
    "text", [None, "", "null", "{}", "[1]", '[{"taskCode":1}]', '[{"taskCode":1,"x":"a","y":2}]', "["]
)
def test_what_can_not_be_read_is_no_place(text: str | None) -> None:
    assert stored({"locations": text}) == {}
    assert content_mark({"locations": text}) is None


def test_the_page_keeps_places_and_drops_the_mark() -> None:
    entries = json.loads(locations_text(CHAIN, {"a": 1, "b": 2}, {}))
    saved = {"locations": json.dumps([{k: e[k] for k in ("taskCode", "x", "y")} for e in entries])}
    assert set(stored(saved)) == {1, 2}
    assert content_mark(saved) is None


SAVED = Definition("p", "w", CHAIN.tasks, CHAIN.relations, global_params=(Property("least", value="0.7"),))
EDGES_OF_PAGE = [{"conditionParams": {}}]
EDGES_OF_DSFLOW = [{"conditionParams": {"dsflow": {"format": 1, "content": "x"}}}]


def test_a_type_that_the_page_forgot_is_no_difference() -> None:
    held = with_types_of(SAVED, {"edges": EDGES_OF_PAGE}, CHAIN)
    assert build_plan(CHAIN, held).is_empty


def test_a_type_that_dsflow_wrote_is_one() -> None:
    held = with_types_of(SAVED, {"edges": EDGES_OF_DSFLOW}, CHAIN)
    assert [c.field for c in build_plan(CHAIN, held).params] == ["least"]


def test_another_value_is_one() -> None:
    edited = Definition("p", "w", CHAIN.tasks, CHAIN.relations, global_params=(Property("least", value="0.8"),))
    held = with_types_of(edited, {"edges": EDGES_OF_PAGE}, CHAIN)
    assert [c.field for c in build_plan(CHAIN, held).params] == ["least"]


def test_an_empty_script_in_a_switch_is_no_difference() -> None:
    def switch(**more: str) -> Definition:
        params = {"switchResult": {"dependTaskList": [], "nextNode": "a"}, **more}
        return Definition("p", "w", (shell("a"), TaskDefinition("s", "SWITCH", params)), (Relation("s", "a"),))

    assert build_plan(switch(), switch(rawScript="")).is_empty
    assert not build_plan(switch(), switch(rawScript="true")).is_empty


def test_an_empty_body_of_a_request_is_no_difference() -> None:
    def request(**more: str) -> Definition:
        params = {"url": "http://127.0.0.1:1/", "httpMethod": "GET", **more}
        return Definition("p", "w", (TaskDefinition("r", "HTTP", params),), ())

    assert build_plan(request(), request(httpBody="")).is_empty
    assert not build_plan(request(), request(httpBody="{}")).is_empty


def decided(condition: str) -> Definition:
    result = {"dependTaskList": [{"condition": condition, "nextNode": "a"}], "nextNode": "b"}
    tasks = (shell("a"), shell("b"), TaskDefinition("s", "SWITCH", {"switchResult": result}))
    return Definition("p", "w", tasks, (Relation("s", "a"), Relation("s", "b")))


@pytest.mark.parametrize(
    ("condition", "label"),
    [
        ("${auc} >= ${min_auc}", "auc >= min_auc"),
        ('String(${deployed}) == "true"', "deployed == \"true\""),
        ('String(${deployed_deploy_features}) == "true"', 'deploye… == "true"'),
        ("${a} > 1 && ${b} > 2 && ${c} > 3", "a > 1 && b > 2 &&…"),
    ],
)  # fmt: skip
def test_edges_of_a_switch_are_labelled(condition: str, label: str) -> None:
    definition = decided(condition)
    assert short_labels(definition) == {("s", "a"): label, ("s", "b"): "otherwise"}
    sent = relations_to_server(definition, {"a": 1, "b": 2, "s": 3})
    assert [(r["postTaskCode"], r["name"]) for r in sent] == [(3, ""), (1, label), (2, "otherwise")]


def test_edges_of_conditions_are_labelled() -> None:
    params = {"conditionResult": {"successNode": ["a"], "failedNode": ["b"]}}
    tasks = (shell("a"), shell("b"), TaskDefinition("c", "CONDITIONS", params))
    definition = Definition("p", "w", tasks, (Relation("c", "a"), Relation("c", "b")))
    assert short_labels(definition) == {("c", "a"): "success", ("c", "b"): "failure"}
