"""What ``POST /update`` asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dsflow.serving.errors import BadRequestError
from dsflow.serving.schema import is_text

MAX_COMPARED = 10_000
"""Rows that an update may ask to be compared."""

_WANTED = 'POST {"database": "demo_db", "deployment": "demo", "model_path": "/models/model.json"}'
_NEEDED = ("database", "deployment", "model_path")
_OPTIONAL = ("table", "columns", "compare")


@dataclass(frozen=True)
class Update:
    """The pair to serve from now on, and how to compare it with the one in service.

    Attributes:
        columns: output column -> a fingerprint of how it is computed. Where the pair in service has the same one, both
            deployments must give the same value.
        table: where rows to compare are taken from, besides the requests that came lately; '' for nowhere.
        compare: how many rows to compare; 0 for no comparison.
    """

    database: str
    deployment: str
    model_path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    compare: int = 0


def read_update(body: object) -> Update:
    """The update that the body of a request asks for; DolphinScheduler's HTTP task sends every value as a string.

    Raises:
        BadRequestError: the body is not that.
    """
    if not isinstance(body, Mapping):
        raise BadRequestError("the body of /update is a JSON object", hint=_WANTED)
    problems = [f"key {key!r} is unknown" for key in body if key not in (*_NEEDED, *_OPTIONAL)]
    texts: dict[str, str] = {}
    for key in (*_NEEDED, *_OPTIONAL):
        value = body.get(key)
        if key == "compare" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if key not in body:
            problems += [f"key {key!r} is missing"] if key in _NEEDED else []
        elif not isinstance(value, str) or (key in _NEEDED and not value.strip()):
            problems.append(f"key {key!r} takes a string that is not empty, not {value!r}")
        elif not is_text(value):
            problems.append(f"key {key!r} takes whole characters, not {value!r}")
        elif "${" in value:
            problems.append(f"key {key!r} still holds a placeholder that nobody filled in: {value}")
        else:
            texts[key] = value.strip()
    rows, columns = texts.pop("compare", "0"), texts.pop("columns", "")
    if not re.fullmatch(r"\d{1,9}", rows) or int(rows) > MAX_COMPARED:
        problems.append(f"key 'compare' takes a number of rows up to {MAX_COMPARED}, not {rows!r}")
    if columns and not re.fullmatch(r"[^:,]+:[0-9a-f]+(,[^:,]+:[0-9a-f]+)*", columns):
        problems.append(f"key 'columns' takes NAME:FINGERPRINT,..., not {columns!r}")
    if problems:
        raise BadRequestError(f"the update cannot be read: {'; '.join(problems)}", hint=_WANTED, problems=problems)
    fingerprints = dict(part.split(":", 1) for part in columns.split(",")) if columns else {}
    return Update(**texts, columns=fingerprints, compare=int(rows))
