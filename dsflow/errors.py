"""Every error that dsflow raises on purpose.

DsflowError
├── DeclarationError      a pipeline file says something that cannot be: a name twice, a cycle, a wrong type
├── ParameterError        a --set, a default or a ${placeholder} that does not fit its parameter
├── ConfigError           a profile in dsflow.yaml or a DSFLOW_* variable that is missing or wrong
├── MissingExtraError     a command needs packages of an extra that is not installed
├── ServerError           a DolphinScheduler or OpenMLDB server refused a request
│   └── UnreachableError  there is no such server, or it went away
├── RunError              a run could not be started or followed
└── SeveralErrors         several of these at once
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsflow._version import Extra, install_command


@dataclass(frozen=True)
class SourceLocation:
    """Where in the user's code something was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class DsflowError(Exception):
    """Base of all errors; ``str()`` of one is fit to be shown to a user as it is.

    Args:
        message: what is wrong.
        where: the place in the user's code or data, when there is one.
        hint: what to do about it.
        excerpt: the line where it is wrong, and below it a caret, when the place is known so well.
    """

    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        where: SourceLocation | str | None = None,
        hint: str | None = None,
        excerpt: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.excerpt = excerpt

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        text += "".join(f"\n  | {line}" for line in self.excerpt.splitlines())
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows below the cell: the message, as a program's end does, and not dsflow's own lines."""
        return [f"error: {self}"]


class DeclarationError(DsflowError):
    """A pipeline file declares something that cannot be."""


class ParameterError(DsflowError):
    """A parameter's value or a reference to a parameter is wrong."""


class ConfigError(DsflowError):
    """The configuration (dsflow.yaml, DSFLOW_* variables) is missing something or contradicts itself."""


class MissingExtraError(DsflowError):
    """A feature needs packages that are not installed."""

    def __init__(self, feature: str, extra: Extra, missing: str) -> None:
        super().__init__(
            f"{feature} needs the package {missing!r}, which is not installed",
            hint=f"install it with: {install_command(extra)}",
        )


class ServerError(DsflowError):
    """A server answered, and the answer is a refusal."""


class UnreachableError(ServerError):
    """A server does not answer."""

    exit_code = 5


class RunError(DsflowError):
    """A run could not be started or followed."""


class SeveralErrors(DsflowError):
    """More than one thing is wrong; all of them are told.

    Args:
        message: what they are in the way of.
        errors: each of them.

    Attributes:
        exit_code: the highest of theirs.
    """

    def __init__(self, message: str, errors: Sequence[DsflowError]) -> None:
        lines = ["- " + str(error).replace("\n", "\n    ") for error in errors]
        super().__init__("\n  ".join([f"{message}; {len(errors)} things are wrong:", *lines]))
        self.errors = tuple(errors)
        self.exit_code = max(error.exit_code for error in errors)


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", *, most: int = 1) -> str:
    """A hint that names the known words nearest to one that is not known; letters' case does not matter.

    Args:
        otherwise: the hint when none is near.
        most: so many words.
    """
    from difflib import get_close_matches

    folded = {word.lower(): word for word in known}
    close = get_close_matches(name.lower(), folded, n=most)
    return f"did you mean {' or '.join(repr(folded[word]) for word in close)}?" if close else otherwise
