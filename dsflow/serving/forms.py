"""The forms in which a client may send rows.

One row: an object by column name, as the demo's clients send it, or an array of values in the order of /schema.
Many rows: an array of such; or ``{"input": [...]}``, as OpenMLDB's APIServer takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from dsflow.serving.errors import BadRequestError
from dsflow.serving.schema import Column

_FORMS = (
    "send one row, as an object by column name or an array of values in the order of GET /schema, or an array of rows"
)


def read_rows(body: object, columns: Sequence[Column]) -> tuple[list[object], bool]:
    """The rows of a request, by column name, and whether the answer is an array.

    Args:
        body: the parsed body.
        columns: the deployment's input.

    Raises:
        BadRequestError: it is none of the forms, or an array has another number of values than there are columns.
    """
    if isinstance(body, dict):
        envelope = body.get("input")
        if len(body) == 1 and isinstance(envelope, list) and all(column.name != "input" for column in columns):
            return [_by_name(row, number, columns) for number, row in enumerate(envelope)], True
        return [body], False
    if not isinstance(body, list):
        raise BadRequestError("the body is neither a row nor an array of rows", hint=_FORMS)
    if body and not isinstance(body[0], (dict, list)):
        if not any(isinstance(value, (dict, list)) for value in body):
            return [_by_name(body, None, columns)], False
        raise BadRequestError("the body mixes values and rows", hint=_FORMS)
    if all(isinstance(row, dict) for row in body):
        return body, True
    return [_by_name(row, number, columns) for number, row in enumerate(body)], True


def _by_name(row: object, number: int | None, columns: Sequence[Column]) -> object:
    if not isinstance(row, list):
        return row  # what it is, the check of rows says
    if len(row) != len(columns):
        where = "the row" if number is None else f"row {number}"
        names = ", ".join(column.name for column in columns[:20]) + (", ..." if len(columns) > 20 else "")
        raise BadRequestError(
            f"{where} has {len(row)} values, and the deployment takes {len(columns)}: {names}",
            hint="an array holds a value, or null, for each column in the order of GET /schema",
        )
    return {column.name: value for column, value in zip(columns, row, strict=True)}
