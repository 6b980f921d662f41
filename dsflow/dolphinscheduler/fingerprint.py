"""Remembering, on the server itself, what dsflow submitted last, so that an edit by somebody else is noticed.

DolphinScheduler stores with each edge a JSON text ``conditionParams`` that nothing reads (source, 3.1.5 and 3.2.2). The
edge from 0 to the first task carries there a hash of what was submitted. The web page writes all edges anew without it;
an edit of a single task keeps it, but then the hash no longer fits. Every machine that submits sees it, no local file
is needed, and an exported and imported workflow keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.codec import normalise

KEY = "dsflow"
FORMAT = 1  # to be raised when the same Definition would give another hash
_NOT_CONTENT = (
    "project",
    "name",
    "releaseState",
    "warningType",
    "warningGroup",
    "workerGroup",
    "schedule",
    "fixedParams",
)


def fingerprint(definition: Definition) -> str:
    """A hash of what DolphinScheduler versions: tasks, edges, parameters, settings."""
    data = normalise(definition).to_dict()
    for key in _NOT_CONTENT:
        del data[key]
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def record(definition: Definition) -> JsonDict:
    """What is stored on the server for a Definition that is about to be submitted."""
    return {KEY: {"format": FORMAT, "content": fingerprint(definition)}}


def recorded(relations: Iterable[JsonDict]) -> str | None:
    """The hash that was stored with the edges of a workflow; None when there is none in a format that we know."""
    for relation in relations:
        params = relation.get("conditionParams")
        if isinstance(params, str):
            try:
                params = json.loads(params)
            except ValueError:
                continue
        entry = params.get(KEY) if isinstance(params, dict) else None
        if isinstance(entry, dict) and entry.get("format") == FORMAT:
            return str(entry.get("content"))
    return None
