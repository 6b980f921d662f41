"""A run's outcome as plain data: the same shape for a local run and a run on a server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
SKIPPED = "SKIPPED"
RUNNING = "RUNNING"
WAITING = "WAITING"
STOPPED = "STOPPED"
TIMEOUT = "TIMEOUT"

FINAL_STATES = frozenset({SUCCESS, FAILURE, SKIPPED, STOPPED, TIMEOUT})


@dataclass
class TaskReport:
    """One task of a run.

    Attributes:
        state: one of this module's states.
        seconds: how long it ran, over all its attempts.
        outputs: its OUT parameters, typed as declared.
        missing: those OUT parameters to which it gave no value (or an empty one), although it succeeded.
        log: the whole log text.
        attempts: how often it was started.
        taken_from: of a local run: the name of the earlier run that it was taken from, '' when it was run.
        because: of a local run: why it was run again, '' when there is nothing to say.
        started: seconds from the run's beginning to its first attempt's; None when it did not begin.
        figures: what a training step wrote beside its model, see :mod:`dsflow.figures`; None when there is nothing.
    """

    name: str
    type: str
    state: str = WAITING
    seconds: float = 0.0
    outputs: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    log: str = ""
    attempts: int = 0
    taken_from: str = ""
    because: str = ""
    started: float | None = None
    figures: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "started": None if self.started is None else round(self.started, 3),
            "attempts": self.attempts,
            "outputs": self.outputs,
            "missingOutputs": self.missing,
            "log": self.log,
        }
        if self.taken_from:
            data["takenFrom"] = self.taken_from
        if self.because:
            data["because"] = self.because
        if self.figures is not None:
            data["figures"] = self.figures
        return data


@dataclass
class RunReport:
    """One execution of a workflow, here or on a server.

    Attributes:
        began: when, as ISO 8601 writes it; of a run on a server as the server says it, '' when it has not begun.
        where: ``local``, or the address of the instance's page on the server.
        prediction: what the prediction server answered at the end of a local run, if it was asked.
    """

    workflow: str
    state: str
    tasks: list[TaskReport]
    seconds: float = 0.0
    began: str = ""
    where: str = "local"
    instance: int | None = None
    prediction: dict[str, Any] | None = None

    def task(self, name: str) -> TaskReport:
        """The report of the task of that name (KeyError when there is none)."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    @property
    def failed(self) -> list[TaskReport]:
        """The tasks that failed or timed out, in the Definition's order."""
        return [t for t in self.tasks if t.state in (FAILURE, TIMEOUT)]

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "workflow": self.workflow,
            "state": self.state,
            "seconds": round(self.seconds, 3),
            "began": self.began,
            "where": self.where,
            "instance": self.instance,
            "tasks": [t.to_dict() for t in self.tasks],
        }
        if self.prediction is not None:
            data["prediction"] = self.prediction
        return data

    def write(self, path: Path) -> None:
        """Write the report as JSON; the folder must exist."""
        path.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
