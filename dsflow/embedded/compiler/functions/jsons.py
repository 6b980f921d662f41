"""get_json_object and json_array_length. OpenMLDB gives the part of the text as it stands, which DuckDB's JSON
functions do not, so these are Python functions.

OpenMLDB reads with simdjson, which looks only at what it needs. For a text that is no JSON these functions answer where
that is certain (the bracket that closes it is missing, say: NULL) and raise an error else.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dsflow.embedded.compiler.functions.registry import Entry, Overload
from dsflow.embedded.compiler.values import INT, STRING

if TYPE_CHECKING:
    import duckdb

_SPACE = " \t\n\r"
_CLOSING = {"{": "}", "[": "]"}


class _BrokenError(ValueError):
    """The text is no JSON, and what OpenMLDB makes of it is not certain."""


def _no_constant(word: str) -> None:
    raise _BrokenError(word)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _end(text: str, place: int) -> int:
    """The place after the value that begins at a place."""
    try:
        return _DECODER.raw_decode(text, place)[1]
    except (ValueError, RecursionError) as error:
        raise _BrokenError(str(error)) from error


def _after_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _members(text: str, place: int) -> Iterator[tuple[str | None, int, int]]:
    """For each member of the object or array at a place, in valid JSON: its key as written, and where it lies."""
    closing = _CLOSING[text[place]]
    place = _after_space(text, place + 1)
    while text[place] != closing:
        key = None
        if closing == "}":
            end = _end(text, place)
            key = text[place + 1 : end - 1]
            place = _after_space(text, _after_space(text, end) + 1)
        end = _end(text, place)
        yield key, place, end
        place = _after_space(text, end)
        if text[place] == ",":
            place = _after_space(text, place + 1)


def _container(text: str) -> int | None:
    """Where a text's object or array begins; None when it is something else, or not closed.

    Raises:
        _BrokenError: it is no JSON.
    """
    stripped = text.strip(_SPACE)
    if not stripped or stripped[0] not in _CLOSING or stripped[-1] != _CLOSING[stripped[0]]:
        return None
    place = _after_space(text, 0)
    if _after_space(text, _end(text, place)) != len(text):
        raise _BrokenError("something follows the value")
    return place


def _refused(function: str, text: str) -> ValueError:
    return ValueError(f"{function} of a text that is no JSON is not supported: {text[:60]}")


def array_length(text: str) -> int | None:
    """The number of elements of a JSON array; None for anything else.

    Raises:
        ValueError: the text is no JSON.
    """
    try:
        place = _container(text)
    except _BrokenError as error:
        raise _refused("json_array_length", text) from error
    if place is None or text[place] != "[":
        return None
    return sum(1 for _ in _members(text, place))


def json_object(text: str, pointer: str) -> str | None:
    """What a JSON pointer (RFC 6901) shows: a string's text, the JSON of anything else; None when there is nothing.

    A key of the text is compared as it is written there, with its escapes.

    Raises:
        ValueError: the text is no JSON, or the string has half a surrogate pair.
    """
    try:
        start = _container(text)
    except _BrokenError as error:
        raise _refused("get_json_object", text) from error
    if start is None or (pointer and not pointer.startswith("/")):
        return None
    place, end = start, _end(text, start)
    for step in pointer.split("/")[1:]:
        found = _member(text, place, step) if text[place] in _CLOSING else None
        if found is None:
            return None
        place, end = found
    if text[place] != '"':
        return text[place:end]
    value = str(json.loads(text[place:end]))
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("get_json_object of half a surrogate pair is not supported")
    return value


def _member(text: str, place: int, step: str) -> tuple[int, int] | None:
    if text[place] == "{":
        if re.search("~(?![01])", step):
            return None
        key = step.replace("~1", "/").replace("~0", "~")
        return next(((start, end) for name, start, end in _members(text, place) if name == key), None)
    if not re.fullmatch("0|[1-9][0-9]*", step):
        return None
    index = int(step)
    return next(((start, end) for i, (_, start, end) in enumerate(_members(text, place)) if i == index), None)


def _strict(function: Callable[..., int | str | None]) -> Callable[..., int | str | None]:
    @functools.wraps(function)
    def call(*texts: str | None) -> int | str | None:
        return None if None in texts else function(*texts)

    return call


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the functions ``oml_json_*``; a database keeps them for all its connections while it is open."""
    from duckdb.func import SPECIAL

    # DuckDB lets a function answer NULL only when it takes NULL itself
    for name, function, count, returns in (
        ("oml_json_object", json_object, 2, "VARCHAR"),
        ("oml_json_array_length", array_length, 1, "INTEGER"),
    ):
        connection.create_function(name, _strict(function), ["VARCHAR"] * count, returns, null_handling=SPECIAL)


FUNCTIONS: dict[str, Entry] = {
    "get_json_object": [Overload((STRING, STRING), STRING, "oml_json_object({0}, {1})")],
    "json_array_length": [Overload((STRING,), INT, "oml_json_array_length({0})")],
}
