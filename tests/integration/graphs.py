"""Small workflows with failures, switches, conditions and disabled tasks, and all that can become of each."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dsflow.conditions.switch import Known
from dsflow.definition import Definition, Relation, ScheduleDefinition, TaskDefinition
from dsflow.local.executors import choose_branch, choose_by_states, switch_branches
from dsflow.local.order import Ending, Order, Rules
from dsflow.report import FAILURE, STOPPED, SUCCESS

States = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Result:
    """What became of a run: its state and each task's."""

    outcome: str
    states: States


def generated(seed: int, project: str) -> tuple[Definition, str]:
    """A workflow of 3 to 8 tasks, and a failure strategy."""
    choose = random.Random(seed)
    strategy = choose.choice(["CONTINUE", "CONTINUE", "END"])
    names = [f"t{n}" for n in range(choose.randint(3, 8))]
    after: dict[str, list[str]] = {name: [] for name in names}
    tasks: dict[str, TaskDefinition] = {}
    for place, name in enumerate(names):
        later, earlier = names[place + 1 :], names[:place]
        kinds = ["ok", "ok", "ok", "fail", "fail"]
        kinds += ["switch", "switch"] if len(later) >= 2 else []
        kinds += ["conditions", "conditions"] if len(later) >= 2 and earlier else []
        kind = choose.choice(kinds)
        if kind in ("ok", "fail"):
            after[name] += [n for n in later if choose.random() < 0.35]
            nap = choose.choice(["", "", "sleep 1\n"]) if strategy == "CONTINUE" else choose.choice(["", "sleep 3\n"])
            script = f"{nap}exit {0 if kind == 'ok' else 1}"
            tasks[name] = TaskDefinition(name, "SHELL", {"rawScript": script, "localParams": [], "resourceList": []})
        elif kind == "switch":
            targets = choose.sample(later, choose.randint(2, min(3, len(later))))
            holds = [choose.choice(["1 == 1", "1 == 2"]) for _ in targets[1:]]
            after[name] += targets
            result = {
                "dependTaskList": [
                    {"condition": c, "nextNode": t} for c, t in zip(holds, targets[1:], strict=True)
                ],
                "nextNode": targets[0],
            }  # fmt: skip
            tasks[name] = TaskDefinition(name, "SWITCH", {"switchResult": result})
        else:
            looked_at = choose.sample(earlier, choose.randint(1, min(2, len(earlier))))
            for other in looked_at:
                if tasks[other].task_type == "SHELL" and name not in after[other]:
                    after[other].append(name)
            targets = choose.sample(later, 2)
            after[name] += targets
            items = [{"depTaskCode": t, "status": choose.choice(["SUCCESS", "FAILURE"])} for t in looked_at]
            dependence = {
                "relation": "AND",
                "dependTaskList": [{"relation": choose.choice(["AND", "OR"]), "dependItemList": items}],
            }
            result = {"successNode": [targets[0]], "failedNode": [targets[1]]}
            tasks[name] = TaskDefinition(name, "CONDITIONS", {"dependence": dependence, "conditionResult": result})
    before = {name: [n for n in names if name in after[n]] for name in names}
    for name in names:
        # what follows a disabled task follows no other: servers handle the rest in ways that are no rule
        alone = all(before[n] == [name] for n in after[name])
        if alone and choose.random() < 0.15:
            tasks[name] = TaskDefinition(name, tasks[name].task_type, tasks[name].task_params, flag="NO")
    relations = tuple(Relation(pre, post) for pre in names for post in after[pre])
    schedule = ScheduleDefinition("0 0 0 * * ? *", "2000-01-01 00:00:00", "2000-01-02 00:00:00", "UTC", online=False,
                                  failure_strategy=strategy)  # fmt: skip
    made = Definition(project, f"graph {seed}", tuple(tasks[n] for n in names), relations, schedule=schedule)
    return made, strategy


def possible(definition: Definition, rules: Rules, strategy: str, seen: Mapping[str, str] | None = None) -> set[Result]:
    """All that a run can come to: tasks that run side by side end in any order, and END stops some of them.

    Args:
        seen: when each task ended (texts that sort), where that is known: only orders that fit it.
    """
    found: set[Result] = set()
    known: set[object] = set()
    first = Order(definition, rules, strategy)
    pending: list[tuple[Order, frozenset[str]]] = [(first, frozenset(first.start()))]
    while pending:
        order, running = pending.pop()
        key = (running, *_frozen(order))
        if key in known:
            continue
        known.add(key)
        if not running:
            found.add(Result(order.outcome, tuple((t.name, order.state(t.name)) for t in definition.tasks)))
            continue
        for name in running:
            if seen and any(seen.get(other, "") < seen.get(name, "") for other in running):
                continue
            for ending in _endings(definition, definition.task(name), order, rules):
                then = _clone(order)
                pending.append((then, running - {name} | set(then.ended(name, ending))))
    return found


def _endings(definition: Definition, task: TaskDefinition, order: Order, rules: Rules) -> Iterator[Ending]:
    if task.task_type == "SWITCH":
        branches = switch_branches(task)
        place = choose_branch(task, Known(), (3, 2), lambda text: None)
        yield Ending(SUCCESS, (branches[place],), tuple(b for i, b in enumerate(branches) if i != place))
    elif task.task_type == "CONDITIONS":
        states = {t: e.state == SUCCESS for t, e in order._endings.items() if e.state in (SUCCESS, FAILURE)}
        # a task that it looks at and does not follow may have ended after it looked
        before = _before(definition, task.name)
        for seen in (states, {name: state for name, state in states.items() if name in before}):
            holds, taken, passed = choose_by_states(task, seen)
            yield Ending(SUCCESS if holds or not rules.conditions_fail else FAILURE, taken, passed)
    else:
        yield Ending(SUCCESS if task.task_params["rawScript"].endswith("0") else FAILURE)
    if order.stopping:
        yield Ending(STOPPED)


def _before(definition: Definition, name: str) -> set[str]:
    found: set[str] = set()
    pending = definition.upstream(name)
    while pending:
        other = pending.pop()
        if other not in found:
            found.add(other)
            pending += definition.upstream(other)
    return found


def _clone(order: Order) -> Order:
    other = copy.copy(order)
    for name in ("_endings", "_started", "_waiting", "_passed_over", "_errors"):
        setattr(other, name, copy.copy(getattr(order, name)))
    return other


def _frozen(order: Order) -> tuple[object, ...]:
    return (frozenset(order._endings.items()), tuple(order._waiting), frozenset(order._passed_over),
            frozenset(order._errors), order.stopping)  # fmt: skip
