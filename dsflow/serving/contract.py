"""The contract of a model: what goes in, what it was trained on, and whether a deployment gives that.

It is read from ``MODEL.contract.json`` beside the model, which `dsflow.worker.contract` writes. A model without
one is served all the same, by the names in its own file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import NotServableError
from dsflow.serving.schema import Column

SUFFIX = ".contract.json"
"""What the contract's file name has behind the model's."""

MAX_BYTES = 4 * 2**20
_MOST_FEATURES = 20_000
_FORMAT = 1
_INTEGERS = frozenset({ColumnType.BOOL, ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT})
_NUMBERS = _INTEGERS | {ColumnType.FLOAT, ColumnType.DOUBLE}
_FITS: Mapping[str, frozenset[ColumnType]] = {
    "boolean": frozenset({ColumnType.BOOL}),
    "integer": _INTEGERS,
    "number": _NUMBERS,
}
_WRITE = "let the training step write it with write_contract(), after the model"


@dataclass(frozen=True)
class Statistics:
    """One feature in the training's rows.

    Attributes:
        count: rows.
        missing: rows without a value.
        mean, std, min, max: of the rows with one; NaN when there is none.
        edges: ends of the bins, ascending; the last bin has none. A bin holds what is up to its end.
        shares: the share of the rows with a value in each bin, one more than edges.
    """

    count: int
    missing: int
    mean: float = math.nan
    std: float = math.nan
    min: float = math.nan
    max: float = math.nan
    edges: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Feature:
    """One input of the model.

    Attributes:
        type: ``integer``, ``number``, ``boolean``, as the training's columns were.
        fingerprint: of the SQL that computed it, "" when that is not known.
    """

    name: str
    type: str
    fingerprint: str = ""
    statistics: Statistics | None = None


@dataclass(frozen=True)
class Contract:
    """What the training says of its model.

    Attributes:
        sha256: of the model's file.
        kind: ``binary``, ``multiclass``, ``regression``, or "" for what the model's file says.
        classes: names of the classes in the model's order; empty when they have none.
        missing: a number that stood for no value; None for NaN alone.
        sql: a fingerprint of the feature query, "" when it is not known.
    """

    sha256: str
    features: tuple[Feature, ...]
    kind: str = ""
    classes: tuple[str, ...] = ()
    missing: float | None = None
    label: str = ""
    sql: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    first: str = ""
    last: str = ""

    def to_json(self) -> dict[str, object]:
        """What /schema says of it."""
        return {
            "kind": self.kind or None,
            "classes": list(self.classes),
            "label": self.label or None,
            "sql": self.sql or None,
            "libraries": dict(self.libraries),
            "metrics": dict(self.metrics),
            "trained_on": {"rows": self.rows, "from": self.first or None, "to": self.last or None},
        }


def read_contract(name: str, raw: bytes) -> Contract:
    """The contract in a file's bytes.

    Args:
        name: the file's name, for messages.

    Raises:
        NotServableError: it is not one.
    """
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        if found["format"] != _FORMAT:
            raise ValueError(f"format {found['format']!r} is not known here")
        model, trained = found["model"], found.get("trained_on") or {}
        contract = Contract(
            sha256=_text(model["sha256"], "[0-9a-f]{64}"),
            features=tuple(_feature(each) for each in _list(found["features"], _MOST_FEATURES)),
            kind=_text(model.get("kind") or "", "binary|multiclass|regression|"),
            classes=tuple(str(each)[:200] for each in _list(model.get("classes") or [], 100_000)),
            missing=None if found.get("missing") is None else float(found["missing"]),
            label=str(found.get("label") or "")[:200],
            sql=str(found.get("sql") or "")[:200],
            libraries={str(k)[:100]: str(v)[:100] for k, v in (found.get("libraries") or {}).items()},
            metrics={str(k)[:100]: float(v) for k, v in (found.get("metrics") or {}).items()},
            rows=int(trained.get("rows") or 0),
            first=str(trained.get("from") or "")[:100],
            last=str(trained.get("to") or "")[:100],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)[:200]
        raise NotServableError(f"{name} is not a model's contract: {told}", hint=_WRITE) from error
    names = [feature.name for feature in contract.features]
    if not names or len(set(names)) != len(names):
        raise NotServableError(f"{name} names {'a feature twice' if names else 'no feature'}", hint=_WRITE)
    return contract


def check_model(contract: Contract, name: str, sha256: str, features: Sequence[str], width: int) -> None:
    """Check that a contract is that of a model.

    Args:
        name: the model's file name, for messages.
        sha256: of the model's file.
        features: the names in the model's file, () when it has none.
        width: the number of the model's inputs, 0 when the file does not say.

    Raises:
        NotServableError: it is not; each difference is named.
    """
    if contract.sha256 != sha256:
        raise NotServableError(
            f"the contract beside {name} is that of another model (SHA-256 {contract.sha256[:12]}, not {sha256[:12]})",
            hint=_WRITE,
        )
    told = [feature.name for feature in contract.features]
    if features and told != list(features):
        differences = _differences(told, features)
        raise NotServableError(f"the contract beside {name} is not that of its inputs: {differences}", hint=_WRITE)
    if not features and width and width != len(told):
        raise NotServableError(
            f"the contract beside {name} has {len(told)} features, and the model takes {width}", hint=_WRITE
        )


def deployment_differences(
    contract: Contract, output: Sequence[Column], fingerprints: Mapping[str, str]
) -> tuple[str, ...]:
    """Where a deployment does not give what the model was trained on, one text for each difference.

    Args:
        output: the deployment's output columns.
        fingerprints: output column -> how the deployment computes it, as far as the update gave them.
    """
    types = {column.name: column.type for column in output}
    found: list[str] = []
    for feature in contract.features:
        given = types.get(feature.name)
        fits = _FITS.get(feature.type)
        if given is None:
            found.append(f"{feature.name} ({feature.type}) is not given")
        elif fits is None or given not in fits:
            found.append(f"{feature.name} is {given} in the deployment, and was {feature.type} in the training")
        elif feature.fingerprint and fingerprints.get(feature.name, feature.fingerprint) != feature.fingerprint:
            found.append(
                f"{feature.name} is computed in another way than in the training"
                f" (fingerprint {fingerprints[feature.name]}, not {feature.fingerprint})"
            )
    return tuple(found)


def _feature(value: Mapping[str, Any]) -> Feature:
    statistics = value.get("statistics")
    return Feature(
        name=_text(value["name"], r"[^\x00-\x1f]{1,200}"),
        type=_text(value["type"], "integer|number|boolean|text"),
        fingerprint=_text(value.get("fingerprint") or "", "[0-9a-f]{0,64}"),
        statistics=None if statistics is None else _statistics(statistics),
    )


def _statistics(value: Mapping[str, Any]) -> Statistics:
    edges = tuple(float(each) for each in _list(value.get("edges") or [], 1000))
    shares = tuple(float(each) for each in _list(value.get("shares") or [], 1001))
    if list(edges) != sorted(set(edges)) or (shares and len(shares) != len(edges) + 1):
        raise ValueError("bins of a feature that do not go together")
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError("a share of a bin that is not between 0 and 1")
    moments = {key: float(value.get(key, math.nan)) for key in ("mean", "std", "min", "max")}
    return Statistics(int(value["count"]), int(value["missing"]), **moments, edges=edges, shares=shares)


def _text(value: object, pattern: str) -> str:
    if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
        raise ValueError(f"{str(value)[:80]!r} where {pattern} is expected")
    return value


def _list(value: object, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"a list of at most {most} entries is expected")
    return value


def _differences(told: Sequence[str], features: Sequence[str]) -> str:
    lacking, more = [n for n in told if n not in features], [n for n in features if n not in told]
    if not lacking and not more:
        return f"the order is {', '.join(told)} there and {', '.join(features)} in the model"
    parts = [f"{', '.join(lacking)} only in the contract"] if lacking else []
    return "; ".join([*parts, *([f"{', '.join(more)} only in the model"] if more else [])])


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
