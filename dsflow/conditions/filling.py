"""How a server puts values into the text of a condition, before anything evaluates it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dsflow.conditions.java import is_creatable, typed_text
from dsflow.conditions.javascript import UnknownExpression
from dsflow.definition import Property
from dsflow.errors import DsflowError

# Java's "." takes no line end; Python's takes all but \n
_PLACEHOLDER = re.compile("['\"]*\\$\\{([^\n\r\u0085\u2028\u2029]*?)\\}['\"]*")
_FLOAT_DIGITS = 7
NUMBERS = frozenset({"INTEGER", "LONG", "FLOAT", "DOUBLE"})


class FillError(DsflowError):
    """The server fails at putting a value in."""


def fill_3_1(condition: str, values: Mapping[str, Property]) -> str:
    """As 3.1's ``SwitchTaskProcessor.setTaskParams`` (3.1.1 to 3.1.8): by what the value looks like.

    Numbers of Java's go in bare, whatever the parameter's type; everything else between double quotes, as it stands.

    Raises:
        FillError: a name has no value; the server then evaluates nothing, and fails.
    """

    def put(name: str) -> str:
        if name not in values:
            raise FillError(f"${{{name}}} has no value")
        value = values[name].value
        return value if is_creatable(value) else f'"{value}"'

    return _fill(condition, put)


def fill_3_2(condition: str, values: Mapping[str, Property]) -> str:
    """As 3.2.2's ``SwitchTaskUtils.generateContentWithTaskParams``: by the parameter's type.

    Numbers and booleans are read and written again by Java; everything else goes between double quotes, as it stands;
    an unknown name stays.

    Raises:
        FillError: the value is not of its type.
    """

    def put(name: str) -> str | None:
        if name not in values:
            return None
        value = values[name]
        if value.type not in NUMBERS and value.type != "BOOLEAN":
            return f'"{value.value}"'
        if value.type == "FLOAT" and len(re.sub(r"[^0-9]", "", value.value)) > _FLOAT_DIGITS:
            raise UnknownExpression(
                f"the value {value.value!r} of ${{{name}}}: Javas differ in how they write a FLOAT of so many digits",
                hint="make it a DOUBLE",
            )
        try:
            return typed_text(value.type, value.value)
        except ValueError:
            raise FillError(f"the value {value.value!r} of ${{{name}}} is no {value.type} to Java") from None

    return _fill(condition, put)


def _fill(condition: str, put: Callable[[str], str | None]) -> str:
    """Both put one name after the other into the whole text, in the order of the condition's placeholders."""
    condition = condition.replace("'", '"')
    text = condition
    for match in _PLACEHOLDER.finditer(condition):
        value = put(match[1])
        if value is not None:
            text = text.replace(f"${{{match[1]}}}", value)
    return text
