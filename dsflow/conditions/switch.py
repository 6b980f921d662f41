"""Whether a condition of a SWITCH holds, on servers of each series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dsflow.conditions.filling import FillError, fill_3_1, fill_3_2
from dsflow.conditions.javascript import Answer, evaluate
from dsflow.definition import Property
from dsflow.errors import DsflowError


class SwitchFailed(DsflowError):
    """The SWITCH task fails at this condition on a server."""


@dataclass(frozen=True)
class Verdict:
    """What a server makes of a condition.

    Attributes:
        holds: whether its branch is taken.
        text: the condition with its values, as it is evaluated.
        why: '' for an answer of true or false; else what it gave instead, or the error.
    """

    holds: bool
    text: str
    why: str = ""


@dataclass(frozen=True)
class Known:
    """What a switch can know by name.

    Attributes:
        system: ``system.biz.date`` and its like.
        workflow: the workflow's parameters.
        own: the switch's own parameters, filled in.
        outputs: of the tasks before it.
    """

    workflow: Mapping[str, Property] = field(default_factory=dict)
    outputs: Mapping[str, Property] = field(default_factory=dict)
    own: Mapping[str, Property] = field(default_factory=dict)
    system: Mapping[str, Property] = field(default_factory=dict)

    def to_3_1(self) -> dict[str, Property]:
        """3.1 looks at outputs and the workflow's parameters only, and the latter count."""
        return {**self.outputs, **self.workflow}

    def to_3_2(self) -> dict[str, Property]:
        """3.2 knows all; the workflow's parameters have lost their types there."""
        shared = {name: replace(p, type="VARCHAR") for name, p in {**self.system, **self.workflow}.items()}
        return {**shared, **self.own, **self.outputs}

    def to_3_3(self) -> dict[str, Property]:
        """3.3 and later know all with their types."""
        return {**self.system, **self.workflow, **self.own, **self.outputs}


def decide_3_1(condition: str, known: Known) -> Verdict:
    """3.1 (``SwitchTaskProcessor``): the first condition that gives no boolean fails the task.

    An empty condition takes its branch.

    Raises:
        SwitchFailed: the task fails there.
        UnknownExpression: what is evaluated on the server, but not here.
    """
    if not condition:
        return Verdict(True, "", "an empty condition takes its branch")
    try:
        text = fill_3_1(condition, known.to_3_1())
    except FillError as error:
        raise SwitchFailed(f"{error.message}, so that there is nothing to evaluate") from None
    answer = evaluate(text)
    if answer.value is None:
        raise SwitchFailed(f"{text} {_reason(answer)}")
    return Verdict(answer.value, text)


def decide_3_2(condition: str, known: Known) -> Verdict:
    """3.2 (``SwitchLogicTask``): what is no boolean, or an error, does not hold, and the next condition is asked.

    Raises:
        SwitchFailed: a value is not of its parameter's type.
        UnknownExpression: what is evaluated on the server, but not here.
    """
    return _by_type(condition, known.to_3_2())


def _by_type(condition: str, known: Mapping[str, Property]) -> Verdict:
    try:
        text = fill_3_2(condition, known)
    except FillError as error:
        raise SwitchFailed(error.message) from None
    answer = evaluate(text)
    if answer.error.startswith("SyntaxError"):
        answer = evaluate(_laid_out(text))
    if answer.empty:
        return Verdict(True, text, "nothing to evaluate is true to 3.2")
    return Verdict(answer.value is True, text, _reason(answer) if answer.value is None else "")


def decide_3_3(condition: str, known: Known) -> Verdict:
    """3.3 and later: as 3.2, but the workflow's parameters keep their types, and an error never fails the task.

    Raises:
        UnknownExpression: what is evaluated on the server, but not here.
    """
    try:
        return _by_type(condition, known.to_3_3())
    except SwitchFailed as error:
        return Verdict(False, condition, error.message)


def _laid_out(text: str) -> str:
    """The server's sandbox lets js-beautify lay a text out anew, line ends included: `"5" 5 > 1` is true to it."""
    import jsbeautifier

    return str(jsbeautifier.beautify(text))


def _reason(answer: Answer) -> str:
    return f"fails: {answer.error}" if answer.error else f"is {answer.text}, not true or false"


def decide(condition: str, known: Known, version: Sequence[int]) -> Verdict:
    """What the servers of a version make of a condition: ``(3, 1)``, ``(3, 2)``, ``(3, 3)`` and later.

    3.1.9 and 3.2.0 fill conditions as 3.2.2 does, and fail as 3.1 does; they are not told apart.

    Raises:
        SwitchFailed: the task fails there.
        UnknownExpression: what is evaluated on the server, but not here.
    """
    series = tuple(version[:2])
    return next(decide for first, decide in _DECIDE if series >= first)(condition, known)


_DECIDE: tuple[tuple[tuple[int, int], Callable[[str, Known], Verdict]], ...] = (
    ((3, 3), decide_3_3), ((3, 2), decide_3_2), ((0, 0), decide_3_1),
)  # fmt: skip
