"""The values that a task sees: parameters, outputs of the tasks before it, and DolphinScheduler's own.

The series differ in what they know where (``CuringGlobalParams``, ``CuringParamsServiceImpl``), so what a task sees is
worked out for each series that a run is to follow. A text that they would fill differently is refused, by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dsflow.declare.params import Scalar, parse_value
from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.errors import RunError
from dsflow.newer import FIRST
from dsflow.outputs import OutputError, coded_params
from dsflow.outputs import read_outputs as read
from dsflow.placeholders import SYSTEM, TIME, USUAL, PlaceholderError, Series, fill, fill_names

PYTHON_TYPES: dict[str, type] = {"INTEGER": int, "LONG": int, "FLOAT": float, "DOUBLE": float, "BOOLEAN": bool}
_ONLY_THERE = frozenset({
    "system.task.instance.id", "system.task.execute.path", "system.task.definition.code", "system.workflow.instance.id",
    "system.workflow.definition.code", "system.project.code",
})  # fmt: skip
"""Built-in parameters that only a server has."""


def series_of(version: Sequence[int] | None) -> tuple[Series, ...]:
    """The series that a run follows: that of the version, or without one the usual ones."""
    return USUAL if version is None else ((version[0], version[1]),)


def system_values(now: datetime, definition_name: str, task: str = "") -> dict[str, Property]:
    """``${system.biz.date}`` and its like for a run that starts at ``now``."""
    texts = {
        **_times(now),
        "system.workflow.definition.name": definition_name,
        "system.task.definition.name": task,
    }
    return {name: Property(name, value=text) for name, text in texts.items()}


def _times(now: datetime) -> dict[str, str]:
    return {
        "system.biz.date": (now - timedelta(days=1)).strftime("%Y%m%d"),
        "system.biz.curdate": now.strftime("%Y%m%d"),
        "system.datetime": now.strftime("%Y%m%d%H%M%S"),
    }


# --------------------------------------------------------------------------------------------------------------- a run


@dataclass(frozen=True)
class Shared:
    """What all tasks of a run see.

    Attributes:
        given: values of parameters that were given at the start: in 3.2 they are above all others.
        now: when the run started, local time.
    """

    definition: Definition
    given: Mapping[str, str]
    now: datetime

    def of(self, series: Series) -> dict[str, str]:
        """The workflow's parameters; 3.1 fills those that begin with ``$`` when the run starts."""
        values = {p.prop: p.value for p in self.definition.global_params}
        if series >= (3, 2):
            return values
        values = {**coded_params(self.definition), **values}
        seen = {**_times(self.now), **values}
        return {n: fill(v, seen, self._second, series) if v.startswith("$") else v for n, v in values.items()}

    @property
    def _second(self) -> datetime:
        return self.now.replace(microsecond=0)

    def seen_by(self, task: TaskDefinition, outputs: Mapping[str, str], series: Series) -> dict[str, str]:
        """All that a task sees by name.

        The workflow's parameters are below outputs before it, below its own, below those of the start (3.2); from 3.3
        on outputs are above each of them.
        """
        shared = self.of(series)
        own = {p.prop: p.value for p in task.local_params if p.direct == "IN"}
        if series < (3, 2):
            known = {**_times(self.now), **shared}
            seen = {**shared, **outputs, **own}
            return {n: fill(v, known, self._second, series) if v.startswith("$") else v for n, v in seen.items()}
        builtin = {n: p.value for n, p in system_values(self.now, self.definition.name, task.name).items()}
        if series >= FIRST:
            # a task's own outputs are parameters without a value from 3.4 on
            empty = {p.prop: p.value for p in task.local_params if p.direct == "OUT"} if series >= (3, 4) else {}
            hidden = {n: value for n, value in empty.items() if n not in self.given}
            seen = {**builtin, **shared, **own, **self.given, **outputs, **hidden}
        else:
            seen = {**builtin, **shared, **outputs, **own, **self.given}
        for name, value in seen.items():
            if "$" in value:
                seen[name] = fill(value, seen, self._second, series)
        return seen

    def time_of_scripts(self, series: Series) -> datetime:
        """3.1 takes a script's times when it is started, 3.2 those of the run, which have no fractions of seconds."""
        return self.now.replace(microsecond=self.now.microsecond // 1000 * 1000) if series < (3, 2) else self._second


class TaskValues:
    """What one task sees, in each series that the run follows.

    Args:
        outputs: of the tasks before it, by name, for each series.

    Raises:
        PlaceholderError: a parameter's value cannot be filled.
    """

    def __init__(self, shared: Shared, task: TaskDefinition, outputs: Mapping[Series, Mapping[str, str]]) -> None:
        self._shared = shared
        self._task = task
        self._outputs = outputs
        self._seen: dict[Series, dict[str, str]] = {}

    def fill(self, text: str) -> str:
        """Put the values into a text; unknown names stay, as on a server.

        Raises:
            PlaceholderError: a series that the run follows would fail on it, or the series fill it differently.
        """
        found = {series: self._fill(text, series) for series in self._outputs}
        values = list(found.values())
        failed = [value for value in values if isinstance(value, PlaceholderError)]
        if len(failed) == len(values):
            raise failed[-1]
        if failed or len(set(map(str, values))) > 1:
            raise self._difference(text, found)
        return str(values[0])

    def _fill(self, text: str, series: Series) -> str | PlaceholderError:
        try:
            if series not in self._seen:
                self._seen[series] = self._shared.seen_by(self._task, self._outputs[series], series)
            filled = fill(text, self._seen[series], self._shared.time_of_scripts(series), series)
        except PlaceholderError as error:
            return error
        self._refuse_what_only_a_server_has(text, series)
        return filled

    def _refuse_what_only_a_server_has(self, text: str, series: Series) -> None:
        filled = fill_names(text, self._seen[series])
        for match in SYSTEM.finditer(filled):
            if match["name"] in _ONLY_THERE and series >= (3, 2):
                raise PlaceholderError(
                    f"task {self._task.name!r}: {match[0]} has a value on a server only",
                    where=self._task.where,
                    hint="give the task a parameter for it, with a local value (Param(..., local=...))",
                )

    def _difference(self, text: str, found: Mapping[Series, str | PlaceholderError]) -> PlaceholderError:
        """What the series make of the first placeholder that they do not fill alike."""
        pieces = [m[0] for m in _PIECES.finditer(text)] or [text]
        for piece in [*pieces, text]:
            made = {series: self._fill(piece, series) for series in found}
            failed = sum(isinstance(value, PlaceholderError) for value in made.values())
            if 0 < failed < len(made) or (not failed and len(set(map(str, made.values()))) > 1):
                break
        says = "; ".join(
            f"3.{series[1]} " + (f"fails ({value.message})" if isinstance(value, PlaceholderError)
                                 else "leaves it" if value == piece else f"makes {_short(value)} of it")
            for series, value in made.items()
        )  # fmt: skip
        return PlaceholderError(
            f"task {self._task.name!r}: the versions of DolphinScheduler differ on {_short(piece)}: {says}",
            where=self._task.where,
            hint="write it so that they agree, or name the version to follow in the profile (version: 3.2)",
        )


_PIECES = re.compile(r"\$\{[^{}]*\}|" + TIME.pattern)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


# ------------------------------------------------------------------------------------------------------------- outputs


@dataclass(frozen=True)
class Pool:
    """The outputs that a task hands on: its own, and those of the tasks before it.

    Attributes:
        ended: when it ended; of two tasks before another that hand on the same name, this decides.
    """

    values: Mapping[str, Property]
    ended: float

    @staticmethod
    def joined(before: Iterable[Pool], series: Series) -> dict[str, Property]:
        """What comes to a task from those directly before it (``getPreVarPool``, ``initializeTaskInstanceVarPool``).

        Of two values 3.1 takes that of the task which ended first, 3.2 that of the last.
        """
        found: dict[str, Property] = {}
        for pool in sorted(before, key=lambda p: p.ended):
            for name, value in pool.values.items():
                if series >= (3, 2) or not found.get(name, value).value or name not in found:
                    found[name] = value
        return found


def read_outputs(task: TaskDefinition, log: str, series: Iterable[Series]) -> dict[Series, dict[str, str]]:
    """What a script's log sets by ``${setValue(name=value)}``: the value of each declared output that it sets.

    Raises:
        RunError: a server of one of the series would lose or cut one, or fail.
    """
    declared = [p.prop for p in task.local_params if p.direct == "OUT"]
    found = {s: {name: v for name, v in read(log, s).items() if name in declared} for s in series} if declared else {}
    for name in declared:
        values = {s: found[s].get(name) for s in found}
        if len(set(values.values())) > 1:
            says = "; ".join(
                f"3.{s[1]} " + (f"takes {_short(v)}" if v is not None else "takes none") for s, v in values.items()
            )
            raise OutputError(
                f"task {task.name!r}: the versions of DolphinScheduler read its output {name!r} differently: {says}",
                where=task.where,
                hint="print ${setValue(name=value)} on a line of its own, the value without = ) and line ends; or name"
                " the version to follow in the profile (version: 3.2)",
            )
    return found


def check_outputs(task: TaskDefinition, found: Mapping[str, str]) -> None:
    """Every declared output must have been set.

    Raises:
        RunError: one was not.
    """
    missing = [p.prop for p in task.local_params if p.direct == "OUT" and p.prop not in found]
    if missing:
        raise RunError(
            f"task {task.name!r} ended without giving its output {missing[0]!r}",
            where=task.where,
            hint=f"print a line ${{setValue({missing[0]}=...)}}",
        )


def typed(task: TaskDefinition, outputs: Mapping[str, str]) -> dict[str, Scalar]:
    """Outputs as Python values of their declared types.

    Raises:
        ParameterError: a value is not of its type.
    """
    types = {p.prop: PYTHON_TYPES.get(p.type, str) for p in task.local_params if p.direct == "OUT"}
    return {name: parse_value(name, types[name], text) for name, text in outputs.items()}
