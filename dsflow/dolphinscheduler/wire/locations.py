"""The places of a workflow's tasks in the page's drawing, as DolphinScheduler stores them: its field ``locations``.

The field is a JSON text, ``[{"taskCode": 1, "x": 60, "y": 60}, ...]``. The page passes over what else stands in it and
leaves it out when it saves, so that the first entry tells which versions dsflow wrote, and what was in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dsflow.branches import short_labels
from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.places import Place, places
from dsflow.dolphinscheduler.wire.fingerprint import fingerprint

KEY = "dsflow"


def stored(own: JsonDict) -> dict[int, Place]:
    """Task code -> place, of a workflow's own row or of that of one of its versions."""
    found: dict[int, Place] = {}
    for entry in _entries(own):
        try:
            found[int(entry["taskCode"])] = round(float(entry["x"])), round(float(entry["y"]))
        except (KeyError, TypeError, ValueError):
            continue  # the page draws such a task somewhere too
    return found


def content_mark(own: JsonDict) -> str | None:
    """What dsflow wrote with the places: the fingerprint of the content; None when the places are not dsflow's."""
    marks = [entry[KEY] for entry in _entries(own) if isinstance(entry.get(KEY), str)]
    return marks[0] if marks else None


def locations_text(definition: Definition, codes: Mapping[str, int], held: Mapping[int, Place]) -> str:
    """The field for a Definition: places that are stored are kept, and the other tasks get one.

    Args:
        codes: the code of each task.
        held: what is stored; see :func:`stored`.
    """
    names = [task.name for task in definition.tasks]
    kept = {name: held[codes[name]] for name in names if codes[name] in held}
    labels = short_labels(definition)
    found = places(names, [(r.pre, r.post) for r in definition.relations], kept, labels)
    entries: list[JsonDict] = [{"taskCode": codes[name], "x": found[name][0], "y": found[name][1]} for name in names]
    if entries:
        entries[0][KEY] = fingerprint(definition)
    return json.dumps(entries, separators=(",", ":"))


def _entries(own: JsonDict) -> list[Any]:
    try:
        found = json.loads(own.get("locations") or "[]")
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
