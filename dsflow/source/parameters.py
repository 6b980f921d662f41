"""A Definition's parameters -> the values and references that a pipeline file writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from dsflow.declare.params import PLACEHOLDER, Scalar, parse_value, to_text
from dsflow.declare.written import Fields, ParamRef, TypedParam
from dsflow.definition import Property
from dsflow.errors import ParameterError

OUTPUT_TYPES: dict[str, type] = {"VARCHAR": str, "LONG": int, "DOUBLE": float, "BOOLEAN": bool}


def scalar(kind: str, text: str) -> Scalar | TypedParam:
    """A parameter's value: a Python value where that says type and text alike."""
    python_type = OUTPUT_TYPES.get(kind)
    if python_type is not None:
        try:
            value = parse_value("", python_type, text)
        except ParameterError:
            return TypedParam(text, kind)
        finite = not isinstance(value, float) or math.isfinite(value)
        if to_text(value) == text and finite:
            return value
    return TypedParam(text, kind)


def local_params(
    properties: Iterable[Property], params: Mapping[str, str], owners: Mapping[str, tuple[str, str]]
) -> Fields:
    """``params`` and ``outputs``.

    Args:
        params: type of each parameter of the workflow.
        owners: task and type of each output.
    """
    given: Fields = {}
    outputs: Fields = {}
    for local in properties:
        if local.direct == "OUT":
            outputs[local.prop] = OUTPUT_TYPES.get(local.type, local.type)
            continue
        match = PLACEHOLDER.fullmatch(local.value)
        name = match[1] if match else ""
        if name in params and params[name] == local.type:
            given[local.prop] = ParamRef(name)
        elif name in owners and owners[name][1] == local.type:
            given[local.prop] = ParamRef(name, owners[name][0])
        elif name:
            given[local.prop] = TypedParam(local.value, local.type)
        else:
            given[local.prop] = scalar(local.type, local.value)
    return {key: value for key, value in (("params", given), ("outputs", outputs)) if value}
