"""What DolphinScheduler's web page writes when a workflow is saved there without an edit.

The page keeps the name and the value of a global parameter and writes each as VARCHAR. It writes all edges anew, so
that dsflow's record in the first of them is gone: then nothing says that a type was chosen on the page, which has no
field for it either.
"""

from __future__ import annotations

from dataclasses import replace

from dsflow.definition import Definition, JsonDict
from dsflow.dolphinscheduler.wire.fingerprint import recorded

PAGE_TYPE = "VARCHAR"


def with_types_of(held: Definition, raw: JsonDict, other: Definition) -> Definition:
    """What a server holds, with the types that the page forgot taken from another Definition.

    Args:
        raw: the server's answer to reading it. With dsflow's record nothing was forgotten.
        other: where a parameter has the same value, it gives the type.
    """
    if recorded(raw["edges"]) is not None:
        return held
    known = {(p.prop, p.direct, p.value): p for p in other.global_params}
    params = tuple(known.get((p.prop, p.direct, p.value), p) if p.type == PAGE_TYPE else p for p in held.global_params)
    return replace(held, global_params=params)
