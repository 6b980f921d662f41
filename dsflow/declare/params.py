"""Parameters, outputs and the conditions made of them.

A reference (``wf.params.min_auc``, ``train.outputs.auc``) becomes DolphinScheduler's placeholder ``${min_auc}`` when it
is put into a text, so f-strings work as a reader expects. Comparing references gives a `Condition`, which a
switch takes; a condition is never true or false here, and saying ``if`` of one is an error rather than a surprise.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

from dsflow.declare.locations import caller
from dsflow.errors import DeclarationError, ParameterError, did_you_mean

Scalar = str | int | float | bool
Operand = Union["Reference", str, int, float, bool]

PLACEHOLDER = re.compile(r"\$\{([^${}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

# DolphinScheduler's own names for parameter types
_PROPERTY_TYPES: dict[type, str] = {str: "VARCHAR", int: "LONG", float: "DOUBLE", bool: "BOOLEAN"}
# and which Python type a parameter of each of them has here
PROPERTY_TYPES: dict[str, type] = {
    "VARCHAR": str, "INTEGER": int, "LONG": int, "FLOAT": float, "DOUBLE": float, "BOOLEAN": bool,
    "DATE": str, "TIME": str, "TIMESTAMP": str, "LIST": str, "FILE": str,
}  # fmt: skip


@dataclass(frozen=True)
class Param:
    """A parameter's default, with what else can be said of it.

    Args:
        default: the value unless ``--set`` or a profile gives another; its type is the parameter's type.
        local: the value of a local run instead, unless ``--set`` gives another. A text may hold ``{here}`` (the folder
            of the pipeline file), ``{state}`` (the run's ``--state`` folder), ``{openmldb}`` and ``{predict_server}``
            (addresses of the servers that the local run starts), ``{predict_address}`` (the latter without http://).
        description: one line for ``show``.
        type: DolphinScheduler's own name of the type (``INTEGER``, ``DATE``, ...), where the default's Python type does
            not say it; a default given as text is then sent as it stands.
    """

    default: Scalar
    local: Scalar | None = None
    description: str = ""
    type: str | None = None

    @property
    def property_type(self) -> str:
        """DolphinScheduler's name of the type.

        Raises:
            DeclarationError: there is no such type.
        """
        return property_type(builtins.type(self.default) if self.type is None else self.type)

    @property
    def python_type(self) -> builtins.type:
        """The Python type that goes with it.

        Raises:
            DeclarationError: there is no such type.
        """
        return PROPERTY_TYPES[self.property_type]


def property_type(python_type: type | str) -> str:
    """DolphinScheduler's name of a parameter type, given as a Python type or by that name.

    Raises:
        DeclarationError: a type other than str, int, float, bool, or a name that DolphinScheduler does not know.
    """
    if isinstance(python_type, str):
        if python_type in PROPERTY_TYPES:
            return python_type
        raise DeclarationError(
            f"a parameter can be of type str, int, float or bool, not {python_type!r}",
            where=caller(),
            hint="or one of DolphinScheduler's own: " + ", ".join(PROPERTY_TYPES),
        )
    for known, name in _PROPERTY_TYPES.items():
        if python_type is known:
            return name
    given = getattr(python_type, "__name__", None) or repr(python_type)
    raise DeclarationError(f"a parameter can be of type str, int, float or bool, not {given}", where=caller())


def to_text(value: Scalar) -> str:
    """A value as DolphinScheduler stores it: text, with JSON's ``true`` and ``false``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_value(name: str, python_type: type, text: str) -> Scalar:
    """Read a value given as text (``--set name=text``) as the parameter's type.

    Raises:
        ParameterError: the text is not of that type.
    """
    try:
        if python_type is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        if python_type in (int, float):
            number: Scalar = python_type(text)
            return number
    except (ValueError, KeyError):
        raise ParameterError(f"parameter {name!r} is of type {python_type.__name__}; {text!r} is not") from None
    return text


class Reference:
    """A parameter or an output, usable in texts (``f"{ref}"`` is ``${name}``) and in comparisons."""

    __slots__ = ("name", "owner", "property_type", "type")

    def __init__(self, name: str, python_type: type | str, owner: str | None = None) -> None:
        self.name = name
        self.property_type = property_type(python_type)
        self.type = PROPERTY_TYPES[self.property_type]
        self.owner = owner

    def __str__(self) -> str:
        return f"${{{self.name}}}"

    def __repr__(self) -> str:
        return f"<{'output' if self.owner else 'parameter'} {self.name}: {self.type.__name__}>"

    def __truediv__(self, other: object) -> str:
        """``wf.params.predict_server / "update"``: a path or an address below this one."""
        return f"{self}/{str(other).lstrip('/')}"

    def __add__(self, other: object) -> str:
        return f"{self}{other}"

    def __radd__(self, other: object) -> str:
        return f"{other}{self}"

    def __hash__(self) -> int:
        return hash((self.owner, self.name))

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return _compare(self, "==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return _compare(self, "!=", other)

    def __lt__(self, other: Operand) -> Condition:
        return _compare(self, "<", other)

    def __le__(self, other: Operand) -> Condition:
        return _compare(self, "<=", other)

    def __gt__(self, other: Operand) -> Condition:
        return _compare(self, ">", other)

    def __ge__(self, other: Operand) -> Condition:
        return _compare(self, ">=", other)

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"{self} has no value while the workflow is declared",
            where=caller(),
            hint="branch with a Switch instead of if/and/or",
        )


class Condition:
    """A JavaScript expression that a SWITCH task evaluates; combine with ``&``, ``|`` and ``~``."""

    __slots__ = ("expression", "references")

    def __init__(self, expression: str, references: frozenset[Reference] = frozenset()) -> None:
        self.expression = expression
        self.references = references

    def __repr__(self) -> str:
        return f"Condition({self.expression!r})"

    def __and__(self, other: Condition) -> Condition:
        return self._join("&&", other)

    def __or__(self, other: Condition) -> Condition:
        return self._join("||", other)

    def __invert__(self) -> Condition:
        return Condition(f"!({self.expression})", self.references)

    def _join(self, operator: str, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            raise DeclarationError(f"cannot join a condition with {other!r}", where=caller())
        return Condition(f"({self.expression}) {operator} ({other.expression})", self.references | other.references)

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"the condition {self.expression!r} has no value while the workflow is declared",
            where=caller(),
            hint="give it to a Switch; join conditions with & | ~ (and write a < x < b as (a < x) & (x < b))",
        )


def _compare(left: Reference, operator: str, right: object) -> Condition:
    numbers = (int, float)
    if isinstance(right, Reference):
        right_type: type = right.type
        references = frozenset({left, right})
    elif isinstance(right, (str, int, float, bool)):
        right_type = type(right)
        references = frozenset({left})
    else:
        raise DeclarationError(f"cannot compare {left!r} with {right!r}", where=caller())
    comparable = left.type is right_type or (left.type in numbers and right_type in numbers)
    if not comparable:
        raise DeclarationError(
            f"cannot compare {left!r} with {right!r}: {left.type.__name__} against {right_type.__name__}",
            where=caller(),
        )
    if operator not in ("==", "!=") and left.type is bool:
        raise DeclarationError(f"{left!r} can only be compared with == and !=", where=caller())
    operand = _operand
    if left.type is bool:
        operand = _bool_operand
    elif isinstance(right, Reference) and left.type in numbers and not left.owner and not right.owner:
        operand = _number_operand
    return Condition(f"{operand(left)} {operator} {operand(right)}", references)


def _number_operand(value: object) -> str:
    """As a number: DolphinScheduler 3.2 puts every workflow parameter in quotes, and "100" < "9" as texts."""
    return f"Number({value})"


def _bool_operand(value: object) -> str:
    """As a text: DolphinScheduler 3.1 puts a bool in quotes (and "true" == true is false), 3.2 does not."""
    return f"String({value})" if isinstance(value, Reference) else json.dumps(to_text(bool(value)))


def _operand(value: object) -> str:
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, str):
        if "'" in value or "${" in value:
            # the switch turns every ' into " before it evaluates, and substitutes ${...}
            raise DeclarationError(
                f"a condition cannot hold the text {value!r} (a quote or a placeholder)", where=caller()
            )
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float, bool)):
        return to_text(value)
    raise AssertionError(value)


_Ref = TypeVar("_Ref", bound=Reference)


class Namespace(Generic[_Ref]):
    """References by name, as attributes or items: ``wf.params.data``, ``train.outputs["auc"]``."""

    def __init__(self, what: str, references: Mapping[str, _Ref]) -> None:
        self.__what = what
        self.__references = dict(references)

    def __getattr__(self, name: str) -> _Ref:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> _Ref:
        try:
            return self.__references[name]
        except KeyError:
            known = ", ".join(self.__references) or "none"
            raise DeclarationError(
                f"{self.__what} has no {name!r}",
                where=caller(),
                hint=did_you_mean(name, self.__references, f"declared: {known}"),
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.__references)

    def __len__(self) -> int:
        return len(self.__references)

    def __dir__(self) -> list[str]:
        return sorted(self.__references)


def check_name(what: str, name: str) -> str:
    """A name that can stand in ``${...}``, a shell and a JavaScript expression alike.

    Raises:
        DeclarationError: it cannot.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise DeclarationError(
            f"{what} {name!r} is not a name",
            where=caller(),
            hint="use letters, digits and _, not starting with a digit",
        )
    return name


def placeholders(text: str) -> list[str]:
    """The names that stand in ``${...}`` in a text, in order of appearance."""
    return PLACEHOLDER.findall(text)


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Replace ``${name}`` by its value; an unknown name stays as it is, as in DolphinScheduler."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)
