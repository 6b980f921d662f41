"""Steps of several nodes: an OPENMLDB task, and the PYTHON tasks that look whether it did what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dsflow.declare.locations import caller
from dsflow.declare.params import Operand
from dsflow.declare.stepscript import Call, step_script
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import Switch
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.tasks.script import Python, Shell
from dsflow.definition import TaskDefinition
from dsflow.errors import DeclarationError

# what the tasks around a step take over from it: where they run, and how urgent they are
_SHARED = ("worker_group", "environment", "priority", "task_group", "task_group_priority")


@dataclass(frozen=True)
class Check:
    """How a step looks whether OpenMLDB did what it was asked for.

    Args:
        timeout: minutes to wait for OpenMLDB's job (or for the indexes of a deployment) to be done.
    """

    timeout: float = 30

    def __post_init__(self) -> None:
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, (int, float)) or self.timeout <= 0:
            raise DeclarationError(f"Check(timeout={self.timeout!r}) is not a number of minutes", where=caller())


@dataclass(frozen=True)
class Then:
    """What a step does at its end, checked or not.

    Attributes:
        name: of the task that does it when there is no check, after the step's name.
        function: of `dsflow.worker.checks`.
        settings: what the function is given besides the cluster's address and the timeout.
    """

    name: str
    function: str
    settings: dict[str, Any]


def add_check(
    step: OpenMLDB, check: bool | Check, function: str, then: Then | None = None, **settings: Any
) -> OpenMLDB:
    """Let a step end with a task that runs a function of `dsflow.worker.checks`.

    A task before the step asks for the number of OpenMLDB's newest job, so that the check takes no job of an earlier
    run for this one's. Nothing in DolphinScheduler would do as a mark in the statement: what is the same for all tasks
    of a run and differs from run to run is there under no name that both 3.1 and 3.2 fill in.

    Args:
        check: False for none.
        then: what is done after the check, by the same task, so that one task says how the step ended.
        settings: what the function is given besides the cluster's address and the timeout.

    Raises:
        DeclarationError: ``check`` is neither a bool nor a Check.
    """
    chosen = _chosen(step, check)
    if chosen is None and then is not None and step.enabled:
        after = script(
            step, part_name(then.name, step.name), (then.function, {"minutes": Check().timeout, **then.settings})
        )
        step >> after
        step.make_step(step, after)
    elif chosen is not None and step.enabled:
        output = _output("jobs_before", step)
        asked = ("ask_jobs", {"output": output})
        ask = script(step, part_name("ask", step.name), asked, outputs={output: int}, role="ask")
        settings |= {"before": ask.outputs[output], "minutes": chosen.timeout}
        calls = [(function, settings)]
        if then is not None:
            calls.append((then.function, {"minutes": chosen.timeout, **then.settings}))
        after = script(step, part_name("check", step.name), *calls, role="check")
        ask >> step >> after
        step.make_step(ask, step, after)
    return step


def unless_deployed(step: OpenMLDB, check: bool | Check, database: Operand, deployment: str) -> OpenMLDB:
    """Let a DEPLOY step pass over what is deployed already, and end with a look whether it is.

    OpenMLDB 0.9 parses ``DEPLOY IF NOT EXISTS`` and refuses a name that is there all the same. So a task asks first,
    and a switch goes on with the DEPLOY or past it.
    """
    chosen = _chosen(step, check)
    if not step.enabled:
        return step
    place: dict[str, Any] = {"database": database, "deployment": deployment}
    output = _output("deployed", step)
    asked = ("ask_deployed", {**place, "output": output})
    ask = script(step, part_name("ask", step.name), asked, outputs={output: bool}, role="ask")
    skip = _part(step, "skip", f"echo '{deployment} is deployed already'")
    choose = Switch(
        part_name("choose", step.name),
        {ask.outputs[output] == True: skip},  # noqa: E712
        otherwise=step,
        description=_about(step, "choose"),
    )
    after: Task
    if chosen is not None:
        looked = ("check_deployed", {**place, "minutes": chosen.timeout})
        after = script(step, part_name("check", step.name), looked, role="check")
    else:
        after = _part(step, "done", f"echo '{deployment}'")
    ask >> choose
    [step, skip] >> after
    step.make_step(ask, choose, step, skip, after)
    return step


def part_name(word: str, step: str) -> str:
    """What a node of a step is called: the word first, since DolphinScheduler's page shows 18 characters of a name.

    Args:
        word: what the node does, such as ``check``.
        step: the step's name; of the usual name of a load, ``load`` is left out.
    """
    return f"{word} {re.sub('^load (?=(off|on)line )', '', step)}"


def _chosen(step: Task, check: bool | Check) -> Check | None:
    if not isinstance(check, (bool, Check)):
        raise step.error(f"check={check!r} is neither True, False nor a Check(...)")
    return check if isinstance(check, Check) else Check() if check else None


def _output(what: str, step: Task) -> str:
    return re.sub(r"\W", "_", f"{what}_{step.name}", flags=re.ASCII)


@dataclass(frozen=True, eq=False, repr=False)
class StepScript(Python):
    """A node of a step of several: a PYTHON task that asks OpenMLDB something, or looks what it has done.

    Args:
        calls: what it runs.
        cluster: ZooKeeper and path of the step's OpenMLDB.
        role: ``ask`` before the step's own node, ``check`` after it, or '' for something else.
    """

    calls: tuple[Call, ...] = ()
    cluster: tuple[str, str] = ("", "")
    role: Literal["ask", "check", ""] = ""

    @property
    def lasts(self) -> bool:
        """Whether an answer that has grown old does no harm: see `dsflow.declare.asking`."""
        return all(function == "ask_deployed" for function, _ in self.calls)

    def asking(self, asks: Sequence[StepScript], resolve: Callable[[str], str]) -> TaskDefinition:
        """This check, as DolphinScheduler stores it, with what the steps right after it would ask first.

        Args:
            asks: the nodes that it stands for.
            resolve: as for `task_params`.
        """
        made = self.define(resolve)
        outputs = [p.to_dict() for ask in asks for p in ask.local_params]
        calls = [call for ask in asks for call in ask.calls]
        params = made.task_params | {
            "localParams": [*made.task_params["localParams"], *outputs],
            "rawScript": step_script(self.cluster, self.calls, calls),
        }
        return replace(made, task_params=params)


_LONGEST_ABOUT = 255  # characters, which is what DolphinScheduler takes
# one sentence for the reader of the web page, by the function that a node calls first, or by its role
_ABOUT = {
    "ask_jobs": "Notes OpenMLDB's newest job, so that the check knows which one is the step's.",
    "ask_deployed": "Asks whether it is deployed already: OpenMLDB refuses to deploy it twice.",
    "choose": "Passes over the DEPLOY of what is there already.",
    "skip": "Runs in place of a DEPLOY that is not needed.",
    "done": "Ends the step, whether it ran or was passed over.",
    "check": "Fails unless OpenMLDB has done '{step}'.",
    "ask": "Asks OpenMLDB what the step needs to know.",
    "drop_old_deployments": "Drops earlier deployments that nothing goes back to.",
    "keep_equal_rows": "Adds equal rows that the load left out.",
    "": "Ends the step.",
}


def script(
    step: Task,
    name: str,
    *calls: Call,
    outputs: dict[str, type] | None = None,
    role: Literal["ask", "check", ""] = "",
) -> StepScript:
    """A node of a step that calls functions of `dsflow.worker.checks`, each with the step's cluster."""
    cluster, given = cluster_of(step), outputs or {}
    body = step_script(cluster, calls)
    return StepScript(
        name,
        body,
        outputs=given,
        calls=calls,
        cluster=cluster,
        role=role,
        description=_about(step, calls[0][0] if calls[0][0] in _ABOUT else role),
        **_shared(step),
    )


def cluster_of(step: Task) -> tuple[str, str]:
    """ZooKeeper and path of the OpenMLDB that a task goes to."""
    places = step.workflow.openmldb
    return (
        str(getattr(step, "zookeeper", "") or places.zookeeper),
        str(getattr(step, "zookeeper_path", "") or places.zookeeper_path),
    )


def _part(step: Task, word: str, script: str) -> Shell:
    """A SHELL node of a step."""
    return Shell(part_name(word, step.name), script, description=_about(step, word), **_shared(step))


def _about(step: Task, what: str) -> str:
    about = _ABOUT[what].format(step=step.name)
    return about if len(about) <= _LONGEST_ABOUT else ""


def _shared(step: Task) -> dict[str, Any]:
    return {name: getattr(step, name) for name in _SHARED}
