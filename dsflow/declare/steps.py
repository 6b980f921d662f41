"""Steps of several nodes: an OPENMLDB task, and the PYTHON tasks that look whether it did what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsflow.declare.locations import caller
from dsflow.declare.params import Operand
from dsflow.declare.tasks.base import Task
from dsflow.declare.tasks.logic import Switch
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.tasks.script import Python, Shell
from dsflow.errors import DeclarationError
from dsflow.worker import checks

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
        function: of :mod:`dsflow.worker.checks`.
        settings: what the function is given besides the cluster's address and the timeout.
    """

    name: str
    function: str
    settings: dict[str, Any]


def add_check(
    step: OpenMLDB, check: bool | Check, function: str, then: Then | None = None, **settings: Any
) -> OpenMLDB:
    """Let a step end with a task that runs a function of :mod:`dsflow.worker.checks`.

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
            step, f"{step.name}: {then.name}", (then.function, {"minutes": Check().timeout, **then.settings})
        )
        step >> after
        step.make_step(step, after)
    elif chosen is not None and step.enabled:
        output = _output("jobs_before", step)
        ask = script(step, f"{step.name}: ask", ("ask_jobs", {"output": output}), outputs={output: int})
        settings |= {"before": ask.outputs[output], "minutes": chosen.timeout}
        calls = [(function, settings)]
        if then is not None:
            calls.append((then.function, {"minutes": chosen.timeout, **then.settings}))
        after = script(step, f"{step.name}: check", *calls)
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
    ask = script(step, f"{step.name}: ask", ("ask_deployed", {**place, "output": output}), outputs={output: bool})
    skip = Shell(f"{step.name}: skip", f"echo '{deployment} is deployed already'", **_shared(step))
    choose = Switch(f"{step.name}: choose", {ask.outputs[output] == True: skip}, otherwise=step)  # noqa: E712
    after: Task
    if chosen is not None:
        after = script(step, f"{step.name}: check", ("check_deployed", {**place, "minutes": chosen.timeout}))
    else:
        after = Shell(f"{step.name}: done", f"echo '{deployment}'", **_shared(step))
    ask >> choose
    [step, skip] >> after
    step.make_step(ask, choose, step, skip, after)
    return step


def _chosen(step: Task, check: bool | Check) -> Check | None:
    if not isinstance(check, (bool, Check)):
        raise step.error(f"check={check!r} is neither True, False nor a Check(...)")
    return check if isinstance(check, Check) else Check() if check else None


def _output(what: str, step: Task) -> str:
    return re.sub(r"\W", "_", f"{what}_{step.name}", flags=re.ASCII)


def script(step: Task, name: str, *calls: tuple[str, dict[str, Any]], outputs: dict[str, type] | None = None) -> Python:
    """A PYTHON task that calls functions of :mod:`dsflow.worker.checks`, each with settings and a step's cluster."""
    text = Path(checks.__file__).read_text(encoding="utf-8")
    cluster = step.workflow.openmldb
    places = {
        "zookeeper": getattr(step, "zookeeper", "") or cluster.zookeeper,
        "zookeeper_path": getattr(step, "zookeeper_path", "") or cluster.zookeeper_path,
    }
    body = f"{text}\n"
    for function, settings in calls:
        arguments = "".join(f"    {name}={_literal(value)},\n" for name, value in {**places, **settings}.items())
        body += f"\n{function}(\n{arguments})\n"
    return Python(name, body, outputs=outputs or {}, **_shared(step))


def _literal(value: object) -> str:
    # placeholders are replaced in the script's text, so a value may hold what only a raw text takes as it is
    return repr(value) if isinstance(value, (bool, int, float)) else f'r"""{value}"""'


def _shared(step: Task) -> dict[str, Any]:
    return {name: getattr(step, name) for name in _SHARED}
