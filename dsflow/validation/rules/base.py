"""What a rule is: a code, a title, and a function from the model to problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dsflow.validation.finding import Severity
from dsflow.validation.model import Model, Problem

Check = Callable[[Model], Iterable[Problem]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        code: ``DSF`` and three digits.
        title: what it looks for, as the heading of its section in docs/rules.md.
        check: yields a problem for each place.
        severity: of problems that do not say their own.
        compiles: whether it needs a compiler.
        embedded: whether the embedded OpenMLDB's compiler does as well as OpenMLDB's own.
    """

    code: str
    title: str
    check: Check
    severity: Severity
    compiles: bool = False
    embedded: bool = False


def rule(
    code: str, severity: Severity = "error", *, compiler: bool = False, embedded: bool = False
) -> Callable[[Check], Rule]:
    """Make a rule of a function; its docstring is the title."""

    def make(check: Check) -> Rule:
        return Rule(code, (check.__doc__ or "").strip().rstrip("."), check, severity, compiler, embedded)

    return make
