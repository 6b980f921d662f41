"""Whether a new deployment answers like the one in service, where their SQL says that it should."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsflow.serving.apiserver import ApiServer, Deployment
from dsflow.serving.errors import NotServableError

_TRIES = 3
_AT_ONCE = 100
"""Rows in one request: what is compared must not hold up the predictions that are asked for meanwhile."""


@dataclass(frozen=True)
class Comparison:
    """How far two deployments were compared: the columns that both compute alike, and the number of rows."""

    columns: tuple[str, ...] = ()
    rows: int = 0

    def to_json(self) -> dict[str, object]:
        """As ``/update`` answers it."""
        return {"rows": self.rows, "columns": list(self.columns)}


def shared_columns(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that have the same fingerprint in both."""
    return tuple(name for name, fingerprint in new.items() if old.get(name) == fingerprint)


async def compare(
    apiserver: ApiServer, old: Deployment, new: Deployment, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> Comparison:
    """Ask both deployments for every row.

    Rows may arrive in the meantime, so the old one is asked before and after the new one: where its own two answers
    differ, the row is asked again, and left out when it does not come to rest.

    Raises:
        NotServableError: they differ in one of the columns.
        ApiServerError, ApiServerUnreachableError, BadRequestError: one of them could not be asked.
    """
    waiting, compared = list(rows), 0
    for _ in range(_TRIES):
        if not waiting:
            break
        before = await _answers(apiserver, old, waiting)
        found = await _answers(apiserver, new, waiting)
        after = await _answers(apiserver, old, waiting)
        wrong: list[tuple[str, Mapping[str, object], Any, Any]] = []
        moving = []
        for row, first, answer, last in zip(waiting, before, found, after, strict=True):
            if not all(_same(first.get(name), last.get(name)) for name in columns):
                moving.append(row)
                continue
            compared += 1
            name = next((name for name in columns if not _same(first.get(name), answer.get(name))), None)
            if name is not None:
                wrong.append((name, row, first.get(name), answer.get(name)))
        if wrong:
            name, row, expected, given = wrong[0]
            raise NotServableError(
                f"deployment {new} does not answer like {old.name}, though both compute {name} alike: for"
                f" {json.dumps(row, ensure_ascii=False)} it gives {given!r}, not {expected!r};"
                f" {len(wrong)} of {len(waiting)} rows differ",
                hint="are its tables loaded and its indexes built? The pair in service stays",
            )
        waiting = moving
    return Comparison(tuple(columns), compared)


async def _answers(
    apiserver: ApiServer, deployment: Deployment, rows: Sequence[Mapping[str, object]]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for begin in range(0, len(rows), _AT_ONCE):
        found += await apiserver.features(deployment, rows[begin : begin + _AT_ONCE], predicting=False)
    return found


def _same(one: Any, other: Any) -> bool:
    # sums of floats may be added up in another order
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
