"""Expressions whose value goes through an array, a list, a map or JSON, as OpenMLDB's C++ computes them.

``hybridse/src/udf/default_defs``: ``array_def.cc``, ``map_defs.cc``, ``feature_zero_def.cc``, ``json_defs.cc``.
"""

from __future__ import annotations

import itertools
from typing import Any

from .scalars import Expression, Row, strict

DEFAULTS: dict[str, Any] = {"bool": False, "smallint": 0, "int": 0, "bigint": 0, "string": ""}
"""What the column of a type holds when it is NULL; a function that does not look at the null flag sees it."""


def among(name: str, column: Expression, options: tuple[Expression, ...]) -> Expression:
    """``isin`` and ``array_contains`` of a column: NULL is among NULLs, and among its type's default values."""
    listed = f"[{', '.join(option.sql for option in options)}]"
    arguments = f"{column.sql}, {listed}" if name == "isin" else f"{listed}, {column.sql}"

    def value(row: Row) -> bool:
        values, found = [option.value(row) for option in options], column.value(row)
        return found in values or (found is None and DEFAULTS[column.type] in values)

    return Expression(f"{name}({arguments})", "bool", value)


def split_and_joined(a: Expression, delimiter: str, glue: Expression) -> Expression:
    """``array_join(split_array(...))``: an empty part is NULL, which array_join leaves out."""
    sql = f"array_join(split_array({a.sql}, '{delimiter}'), {glue.sql})"

    def value(row: Row) -> str | None:
        text = a.value(row)
        return None if text is None else _joined(_parts(text, delimiter), glue.value(row))

    return Expression(sql, "string", value)


def combined(delimiter: Expression, texts: Expression, options: tuple[Expression, ...]) -> Expression:
    """``array_combine`` of the parts of a text and of an array: for each NULL that it meets one text is missing at the
    end."""
    listed = f"ARRAY<string>[{', '.join(option.sql for option in options)}]"
    sql = f"array_join(array_combine({delimiter.sql}, split_array({texts.sql}, ','), {listed}), '|')"

    def value(row: Row) -> str:
        text, between = texts.value(row), delimiter.value(row) or ""
        parts = [] if text is None else _parts(text, ",")
        pairs = list(itertools.product(parts, [option.value(row) for option in options]))
        found = [(x or "") + ("" if y is None else between + y) for x, y in pairs]
        missing = sum(part is None for pair in pairs for part in pair)
        return "|".join(found[: len(found) - missing])

    return Expression(sql, "string", value)


def _parts(text: str, delimiter: str) -> list[str | None]:
    return [part or None for part in text.split(delimiter)]


def _joined(parts: list[str | None], glue: str | None) -> str:
    return "".join("" if part is None else ((glue or "") if n else "") + part for n, part in enumerate(parts))


def looked_up(entries: tuple[tuple[Expression, Expression], ...], key: Expression) -> Expression:
    """``map(...)[key]``: a NULL key is left out, of equal ones the first counts."""
    arguments = ", ".join(f"{k.sql}, {v.sql}" for k, v in entries)

    def value(row: Row) -> Any:
        wanted = key.value(row)
        found = (v.value(row) for k, v in entries if wanted is not None and k.value(row) == wanted)
        return next(found, None)

    return Expression(f"map({arguments})[{key.sql}]", entries[0][1].type, value)


def without(a: Expression, texts: str, *, by: str) -> Expression:
    """``list_except_by_key`` and ``_by_value`` of a text's parts ``key:value``."""
    sql = f"`join`(list_except_by_{by}(split({a.sql}, ','), '{texts}'), '+')"
    place = 0 if by == "key" else 1

    def value(row: Row) -> str:
        text = a.value(row)
        # split gives nothing for NULL
        parts = [] if text is None else text.split(",")
        return "+".join(part for part in parts if f"{part}:".split(":")[place] not in texts.split(","))

    return Expression(sql, "string", value)


def from_json(a: Expression, b: Expression, place: int) -> Expression:
    """An element of an array inside an object, both made of two integers."""
    text = f"""concat('{{"x": [', {a.sql}, ' , ', {b.sql}, ']}}')"""
    sql = f"get_json_object({text}, '/x/{place}')"
    return Expression(sql, "string", strict(lambda x, y: dict(enumerate((str(x), str(y)))).get(place), a, b))


def length_of_json(a: Expression, count: int) -> Expression:
    """``json_array_length`` of an array of equal numbers."""
    elements = ", ', ', ".join([a.sql] * count)
    sql = f"json_array_length(concat('[', {elements}, ']'))"
    return Expression(sql, "int", strict(lambda _: count, a))
