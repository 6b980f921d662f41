"""What runs and what does not: generated workflows on real servers and here, task by task."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.runs import map_state
from dsflow.local.order import rules_of
from dsflow.local.scheduler import Scheduler
from tests.integration.graphs import Result, generated, possible

GRAPHS = int(os.environ.get("DSFLOW_TEST_GRAPHS", "25"))
FIRST = int(os.environ.get("DSFLOW_TEST_FIRST_GRAPH", "0"))
AT_ONCE = 6


def test_generated_workflows_come_to_the_same_here_and_there(
    running: Any, server: Server, project: str, tmp_path: Path, tally: list[str]
) -> None:
    """A run there is one of those that can come of the order in which its tasks ended; a run here likewise.

    Where only one result is possible, both are that one. DSFLOW_TEST_GRAPHS sets how many workflows are tried.
    """
    version = tuple(int(n) for n in running.version.split("."))

    seeds = range(FIRST, FIRST + GRAPHS)
    alone = _one_switch(project)
    taken, _ = _there(running, alone)
    assert taken in possible(alone, rules_of(version), "CONTINUE"), "this server evaluates no conditions: see its log"

    def there(seed: int) -> tuple[int, Result, dict[str, str]]:
        return seed, *_there(running, generated(seed, project)[0])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(there, seeds))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        local = list(pool.map(lambda seed: _here(*generated(seed, project), version, tmp_path / str(seed)), seeds))
    wrong, counts = [], Counter[str]()
    for (seed, found, ended), here in zip(results, local, strict=True):
        definition, strategy = generated(seed, project)
        every = possible(definition, rules_of(version), strategy)
        counts["with one possible result"] += len(every) == 1
        counts["that failed"] += found.outcome == "FAILURE"
        counts["with END"] += strategy == "END"
        if found not in possible(definition, rules_of(version), strategy, ended):
            wrong.append(f"{seed} there, {strategy}: {found}, ends {ended}; possible: {every}")
        if here not in every:
            wrong.append(f"{seed} here, {strategy}: {here}; possible: {every}")
    tally.append(
        f"{running.version}: {len(results)} generated workflows, "
        + ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
    )
    assert wrong == []


def _one_switch(project: str) -> Definition:
    """A workflow whose switch takes another branch than its default.

    It goes first, by itself: 3.2's master sets up what evaluates conditions at the first switch that it runs, without a
    lock. On a busy machine several that come first at once leave it broken until the master is restarted: from then on
    every condition fails there, and every switch takes its default.
    """
    shell = {"rawScript": "exit 0", "localParams": [], "resourceList": []}
    chosen = {"dependTaskList": [{"condition": "1 == 1", "nextNode": "chosen"}], "nextNode": "default"}
    tasks = (
        TaskDefinition("switch", "SWITCH", {"switchResult": chosen}),
        TaskDefinition("chosen", "SHELL", shell),
        TaskDefinition("default", "SHELL", shell),
    )
    return Definition(project, "one switch", tasks, (Relation("switch", "chosen"), Relation("switch", "default")))


def _there(running: Any, definition: Definition) -> tuple[Result, dict[str, str]]:
    """What became of a workflow on the server, and when each task ended."""
    with running.connect() as own:
        own.submit(replace(definition, schedule=None))
        run = own.start(definition)
        own.follow(run, poll=0.5)
        report = own.report(run, definition, logs=False)
        tasks = own.rest.task_instances(run.project_code, run.instance)
    ended = {task.name: str(task.ended) for task in tasks if map_state(task.state)}
    return Result(report.state, tuple((t.name, t.state) for t in report.tasks)), ended


def _here(definition: Definition, strategy: str, version: tuple[int, ...], folder: Path) -> Result:
    scheduler = Scheduler(definition, folder, "", lambda report: None, version=version, failure_strategy=strategy)
    return Result(scheduler.run(), tuple((t.name, t.state) for t in scheduler.reports))
