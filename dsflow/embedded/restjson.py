"""JSON as OpenMLDB's APIServer reads and writes it (rapidjson, with bare NaN and infinities).

Error numbers are those of rapidjson's ``ParseErrorCode`` (https://rapidjson.org/group___r_a_p_i_d_j_s_o_n___e_r_r_o_r_s.html).
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from dsflow.embedded.compiler import Column
from dsflow.openmldb.types import ColumnType


class JsonError(ValueError):
    """A body is not JSON; ``code`` is rapidjson's number for what is wrong."""

    def __init__(self, code: int) -> None:
        super().__init__(f"error code: {code}")
        self.code = code


def parse(body: bytes) -> Any:
    """The value of a body.

    Raises:
        JsonError: it is not JSON.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise JsonError(_INVALID_ENCODING) from None
    if _BARE_INF.search(text) is None:
        try:
            return json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            pass  # the slow reader finds the number
    return _Reader(text).document()


_BARE_INF = re.compile(r"Inf(?!inity)")

_EMPTY, _NOT_SINGULAR, _VALUE, _NAME, _COLON, _OBJECT_COMMA, _ARRAY_COMMA = range(1, 8)
_BAD_HEX, _BAD_SURROGATE, _BAD_ESCAPE, _NO_END_QUOTE, _INVALID_ENCODING, _NUMBER_BIG, _NO_FRACTION, _NO_EXPONENT = (
    range(8, 16)
)
_DEEP = 16

_BLANKS = " \t\n\r"
_WORDS = {
    "null": None,
    "true": True,
    "false": False,
    "NaN": math.nan,
    "Infinity": math.inf,
    "Inf": math.inf,
    "-Infinity": -math.inf,
    "-Inf": -math.inf,
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Reader:
    """Reads JSON character by character, to say what is wrong in rapidjson's numbers."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def document(self) -> Any:
        self.skip()
        if self.at >= len(self.text):
            raise JsonError(_EMPTY)
        value = self.value()
        self.skip()
        if self.at < len(self.text):
            raise JsonError(_NOT_SINGULAR)
        return value

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _BLANKS:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def value(self) -> Any:
        char = self.peek()
        if char in ("{", "["):
            self.depth += 1
            if self.depth > 500:
                raise JsonError(_DEEP)
            found = self.object() if char == "{" else self.array()
            self.depth -= 1
            return found
        if char == '"':
            return self.string()
        for word in sorted(_WORDS, key=len, reverse=True):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return _WORDS[word]
        return self.number()

    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        self.skip()
        if self.peek() == "}":
            self.at += 1
            return found
        while True:
            if self.peek() != '"':
                raise JsonError(_NAME)
            name = self.string()
            self.skip()
            if self.peek() != ":":
                raise JsonError(_COLON)
            self.at += 1
            self.skip()
            found.setdefault(name, self.value())
            self.skip()
            char = self.peek()
            self.at += 1
            if char == "}":
                return found
            if char != ",":
                raise JsonError(_OBJECT_COMMA)
            self.skip()

    def array(self) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        self.skip()
        if self.peek() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value())
            self.skip()
            char = self.peek()
            self.at += 1
            if char == "]":
                return found
            if char != ",":
                raise JsonError(_ARRAY_COMMA)
            self.skip()

    def string(self) -> str:
        parts: list[str] = []
        self.at += 1
        while True:
            char = self.peek()
            self.at += 1
            if char == '"':
                return "".join(parts)
            if char == "":
                raise JsonError(_NO_END_QUOTE)
            if char == "\\":
                parts.append(self.escape())
            elif char < " ":
                raise JsonError(_INVALID_ENCODING)
            else:
                parts.append(char)

    def escape(self) -> str:
        char = self.peek()
        self.at += 1
        if char in _ESCAPES and char:
            return _ESCAPES[char]
        if char != "u":
            raise JsonError(_BAD_ESCAPE)
        code = self.hex4()
        if 0xD800 <= code <= 0xDBFF:
            if not self.text.startswith("\\u", self.at):
                raise JsonError(_BAD_SURROGATE)
            self.at += 2
            low = self.hex4()
            if not 0xDC00 <= low <= 0xDFFF:
                raise JsonError(_BAD_SURROGATE)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        elif 0xDC00 <= code <= 0xDFFF:
            raise JsonError(_BAD_SURROGATE)
        return chr(code)

    def hex4(self) -> int:
        digits = self.text[self.at : self.at + 4]
        if not re.fullmatch("[0-9a-fA-F]{4}", digits):
            raise JsonError(_BAD_HEX)
        self.at += 4
        return int(digits, 16)

    def number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise JsonError(_VALUE)
        end, whole = match.end(), True
        if self.text.startswith(".", end):
            fraction = re.compile("[0-9]+").match(self.text, end + 1)
            if fraction is None:
                raise JsonError(_NO_FRACTION)
            end, whole = fraction.end(), False
        if self.text[end : end + 1] in ("e", "E"):
            exponent = re.compile("[+-]?[0-9]+").match(self.text, end + 1)
            if exponent is None:
                raise JsonError(_NO_EXPONENT)
            end, whole = exponent.end(), False
        text = self.text[self.at : end]
        self.at = end
        if whole:
            return int(text)
        number = float(text)
        if math.isinf(number):
            raise JsonError(_NUMBER_BIG)
        return number


# ---- values of columns


class ValueRefused(ValueError):
    """A JSON value does not fit a column."""


def stored_value(value: Any, column: Column) -> Any:
    """A JSON value as it is stored.

    Raises:
        ValueRefused: it does not fit; nothing is converted but int to float and double.
    """
    if value is None:
        if column.nullable:
            return None
        raise ValueRefused
    kind = column.type
    if kind is ColumnType.BOOL:
        if isinstance(value, bool):
            return value
    elif kind is ColumnType.STRING:
        if isinstance(value, str):
            return value
    elif kind is ColumnType.DATE:
        if isinstance(value, str):
            return _date(value)
    elif isinstance(value, bool):
        raise ValueRefused
    elif kind is ColumnType.DOUBLE:
        if isinstance(value, float) or (isinstance(value, int) and float(value) == value):
            return float(value)
    elif kind is ColumnType.FLOAT:
        if isinstance(value, int | float):
            return _single(float(value))
    elif isinstance(value, int):
        low, high = _RANGES[kind]
        if low <= value <= high:
            return value
    raise ValueRefused


_RANGES = {
    ColumnType.SMALLINT: (-(2**15), 2**15 - 1),
    ColumnType.INT: (-(2**31), 2**31 - 1),
    ColumnType.BIGINT: (-(2**63), 2**63 - 1),
    ColumnType.TIMESTAMP: (-(2**63), 2**63 - 1),
}


def _single(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _date(text: str) -> dt.date:
    parts = text.split("-")
    if len(parts) != 3 or not all(re.fullmatch("[0-9]+", part) for part in parts):
        raise ValueRefused
    try:
        return dt.date(*map(int, parts))
    except ValueError:
        raise ValueRefused from None


def shown(value: Any) -> str:
    """A JSON value inside a message."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:f}"
    return str(value) if isinstance(value, int | str) else "unknown"


def dump_value(value: Any, nan_as_null: bool) -> Any:
    """A stored value as `dump` can write it."""
    if isinstance(value, float):
        if nan_as_null and not math.isfinite(value):
            return None
        return value
    if isinstance(value, dt.date):
        return f"{value.year}-{value.month}-{value.day}"
    return value


def dump_row(row: Sequence[Any], nan_as_null: bool) -> list[Any]:
    """A row of stored values as `dump` can write it."""
    return [dump_value(value, nan_as_null) for value in row]


def dump(value: Any) -> bytes:
    """A value as text: UTF-8, bare NaN and Infinity."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def schema(columns: Iterable[Column]) -> list[dict[str, str]]:
    """Columns as deployments describe them."""
    return [{"name": column.name, "type": column.type.api_name} for column in columns]
