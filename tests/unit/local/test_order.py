"""The order of a run as a function of how its tasks end, on each version."""

from __future__ import annotations

import pytest

from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.local.order import Ending, Order, rules_of
from dsflow.report import FAILURE, SKIPPED, STOPPED, SUCCESS

VERSIONS = [(3, 1, 1), (3, 1, 5), (3, 1, 9), (3, 2, 2)]


def graph(edges: str, disabled: str = "") -> Definition:
    """``"a>b c>d"``; a name that begins with sw is a switch, with if a CONDITIONS task."""
    relations = [Relation(*edge.split(">")) for edge in edges.split() if ">" in edge]
    names = dict.fromkeys(name for edge in edges.split() for name in edge.split(">"))
    kinds = {"sw": "SWITCH", "if": "CONDITIONS"}
    tasks = [TaskDefinition(n, kinds.get(n[:2], "SHELL"), flag="NO" if n in disabled.split() else "YES") for n in names]
    return Definition("p", "w", tuple(tasks), tuple(relations))


def play(definition: Definition, version: tuple[int, ...], ends: dict[str, Ending | str], by: str = "") -> Order:
    """Let the tasks end: those of ``by`` in that order, the others as they were started. Without an ending: SUCCESS."""
    order = Order(definition, rules_of(version), "END" if "END" in ends else "CONTINUE")
    running = order.start()
    while running:
        name = next((n for n in by.split() if n in running), running[0])
        running.remove(name)
        ending = ends.get(name, SUCCESS)
        running += order.ended(name, ending if isinstance(ending, Ending) else Ending(ending))
    return order


def states(definition: Definition, order: Order) -> str:
    """``"a b! (c)"``: b failed, c was not run."""
    marks = {SUCCESS: "{}", FAILURE: "{}!", SKIPPED: "({})", STOPPED: "{}~"}
    return " ".join(marks[order.state(t.name)].format(t.name) for t in definition.tasks)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("by", ["a b c", "c a b", "a c b"])
def test_a_task_is_not_run_when_one_before_it_was_not_because_of_a_failure(version: tuple[int, ...], by: str) -> None:
    definition = graph("a>b b>d c>d d>e")
    order = play(definition, version, {"a": FAILURE}, by)
    assert (states(definition, order), order.outcome) == ("a! (b) (d) c (e)", FAILURE)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_join_behind_a_branch_that_was_not_taken_runs(version: tuple[int, ...]) -> None:
    definition = graph("sw>x sw>y x>z y>z")
    order = play(definition, version, {"sw": Ending(SUCCESS, ("x",), ("y",))})
    assert (states(definition, order), order.outcome) == ("sw x (y) z", SUCCESS)


def test_a_branch_that_the_chosen_one_leads_into() -> None:
    definition = graph("sw>x sw>y x>y y>z")
    ends: dict[str, Ending | str] = {"sw": Ending(SUCCESS, ("x",), ("y",))}
    found = {v: states(definition, play(definition, v, ends)) for v in VERSIONS}
    assert found == {
        (3, 1, 1): "sw x y (z)", (3, 1, 5): "sw x y (z)", (3, 1, 9): "sw x y z", (3, 2, 2): "sw x (y) (z)",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "first", "last"),
    [((3, 1, 5), ("sw (x) y a", SUCCESS), ("sw x y a", SUCCESS)),
     ((3, 1, 9), ("sw (x) y a", SUCCESS), ("sw x y a", SUCCESS)),
     ((3, 2, 2), ("sw (x) y a", SUCCESS), ("sw (x) y a", FAILURE))],
)  # fmt: skip
def test_what_a_branch_does_that_follows_another_task_too_depends_on_which_ends_last(
    version: tuple[int, ...], first: tuple[str, str], last: tuple[str, str]
) -> None:
    definition = graph("sw>x sw>y a>x")
    ends: dict[str, Ending | str] = {"sw": Ending(SUCCESS, ("y",), ("x",))}
    for by, wanted in (("a sw", first), ("sw a", last)):
        order = play(definition, version, ends, by)
        assert (states(definition, order), order.outcome) == wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_conditions_run_after_a_failure(version: tuple[int, ...]) -> None:
    definition = graph("a>if if>good if>bad")
    order = play(definition, version, {"a": FAILURE, "if": Ending(SUCCESS, ("bad",), ("good",))})
    assert states(definition, order) == "a! if (good) bad"
    assert order.outcome == (FAILURE if version < (3, 1, 5) else SUCCESS)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_else_follows_a_failure_that_conditions_look_at_fails_the_run(version: tuple[int, ...]) -> None:
    definition = graph("a>if if>good if>bad a>next")
    order = play(definition, version, {"a": FAILURE, "if": Ending(SUCCESS, ("bad",), ("good",))})
    assert (states(definition, order), order.outcome) == ("a! if (good) bad (next)", FAILURE)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_disabled_task_hands_on_what_was_before_it(version: tuple[int, ...]) -> None:
    definition = graph("a>off off>d", "off")
    assert states(definition, play(definition, version, {})) == "a (off) d"
    order = play(definition, version, {"a": FAILURE})
    assert (states(definition, order), order.outcome) == ("a! (off) (d)", FAILURE)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_follows_a_disabled_switch(version: tuple[int, ...]) -> None:
    definition = graph("a>sw sw>x sw>y", "sw")
    order = play(definition, version, {})
    assert (states(definition, order), order.outcome) == ("a (sw) (x) (y)", SUCCESS)


@pytest.mark.parametrize("version", VERSIONS)
def test_end_stops_what_runs_and_starts_nothing_more(version: tuple[int, ...]) -> None:
    definition = graph("a>x b>y")
    order = play(definition, version, {"END": "", "a": FAILURE, "b": STOPPED}, "a")
    assert order.stopping
    assert (states(definition, order), order.outcome) == ("a! (x) b~ (y)", FAILURE)


def test_of_a_series_the_newest_version_counts() -> None:
    assert rules_of((3, 1)) == rules_of((3, 1, 9)) != rules_of((3, 1, 5)) != rules_of((3, 1, 1))
    assert rules_of((3, 2)) == rules_of((3, 2, 2)) != rules_of((3, 3)) == rules_of((3, 4, 3))


@pytest.mark.parametrize(
    ("edges", "older", "newer"),
    [
        ("a>if if>x if>y", "a! if x (y)", "a! if x (y)"),
        ("a>if a>b if>x if>y", "a! if (b) x (y)", "a! (if) (b) (x) (y)"),
    ],
)
def test_a_failure_goes_on_from_3_3_only_where_conditions_alone_follow(edges: str, older: str, newer: str) -> None:
    definition = graph(edges)
    ends: dict[str, Ending | str] = {"a": FAILURE, "if": Ending(SUCCESS, ("x",), ("y",))}
    for version, wanted in (((3, 2, 2), older), ((3, 3, 0), newer), ((3, 4, 3), newer)):
        assert states(definition, play(definition, version, ends)) == wanted
    assert play(graph("a>if a>b if>x if>y"), (3, 4), ends).outcome == FAILURE
