"""JSON Schemas (draft 2020-12) of ``dsflow.yaml`` and of workflows in YAML, for editors to complete and check by.

They are made from the same classes that read the files, so a field that is added there is in the schema too.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from datetime import datetime
from inspect import signature
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dsflow.config import SECRETS, Profile
from dsflow.declare.params import PROPERTY_TYPES
from dsflow.declare.schedule import Schedule
from dsflow.declare.tasks import CLASSES
from dsflow.declare.workflow import Workflow
from dsflow.source.yaml_form import PYTHON_TYPES, task_fields

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string"}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_SCALARS: Schema = {"type": "object", "additionalProperties": _SCALAR}
_ANYTHING: Schema = {}


def config_schema() -> Schema:
    """The schema of ``dsflow.yaml``."""
    entries = [field.name for field in fields(Profile) if field.name not in ("name", "params", *SECRETS)]
    profile = _object(
        dict.fromkeys(entries, _SCALAR) | {f"{name}_file": _TEXT for name in SECRETS} | {"params": _or_null(_SCALARS)}
    )
    return {"$schema": _DIALECT, "title": "dsflow.yaml"} | _object(
        {
            "default": _TEXT,
            "repository": _TEXT,
            "profiles": _or_null({"type": "object", "additionalProperties": _or_null(profile)}),
        }
    )


def workflow_schema() -> Schema:
    """The schema of a workflow in YAML: of each of the documents in a file."""
    hints = get_type_hints(Workflow.__init__)
    own = set(signature(Workflow.__init__).parameters) - {"self", "name", "project", "params", "schedule"}
    properties = {name: _of_type(hints[name]) for name in sorted(own)}
    properties |= {
        "workflow": _TEXT,
        "project": _TEXT,
        "params": {"type": "object", "additionalProperties": _parameter()},
        "schedule": {"anyOf": [_TEXT, _schedule()]},
        "tasks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/task"}},
        "edges": {"type": "array", "items": {"$ref": "#/$defs/chain"}},
    }
    several = {"type": "array", "items": _TEXT}
    task = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(CLASSES)}},
        "allOf": [{"if": {"properties": {"type": {"const": kind}}}, "then": _task(kind)} for kind in CLASSES],
    }
    chain = {"type": "array", "items": {"anyOf": [_TEXT, several]}}
    return {
        "$schema": _DIALECT,
        "title": "A workflow of dsflow",
        "$defs": {"task": task, "chain": chain},
    } | _object(properties, required=["workflow", "project", "tasks"])


def _task(kind: str) -> Schema:
    cls = CLASSES[kind]
    # a marker and no type: Python 3.10 refuses it
    hints = get_type_hints(cls, localns={"Workflow": Workflow, "KW_ONLY": object})
    known = task_fields(kind)
    given: dict[str, Field[Any]] = {field.name: field for field in fields(cls) if field.name in known}
    return _object({"type": {"const": kind}} | {name: _field(name, hints[name]) for name in given})


def _field(name: str, kind: Any) -> Schema:
    special: dict[str, Schema] = {
        "success": _TEXT,
        "failure": _TEXT,
        "otherwise": _TEXT,
        "branches": {"type": "array", "items": _object({"if": _TEXT, "then": _TEXT}, required=["if", "then"])},
        "when": _groups(_ended()),
        "on": _groups(_dependence()),
        "outputs": {"type": "object", "additionalProperties": {"enum": [*PYTHON_TYPES, *PROPERTY_TYPES]}},
        "params": {"type": "object", "additionalProperties": _parameter()},
    }
    return special[name] if name in special else _of_type(kind)


def _ended() -> Schema:
    return {"anyOf": [_object({word: _TEXT}, required=[word]) for word in ("succeeded", "failed")]}


def _dependence() -> Schema:
    return _object({"workflow": _TEXT, "task": _TEXT, "project": _TEXT, "date": _TEXT}, required=["workflow"])


def _groups(item: Schema) -> Schema:
    several = {"type": "array", "items": item}
    group: Schema = {"anyOf": [item, *(_object({word: several}, required=[word]) for word in ("all_of", "any_of"))]}
    return {"anyOf": [group, {"type": "array", "items": group}]}


def _parameter() -> Schema:
    typed = _object(
        {
            "value": _SCALAR,
            "type": {"enum": [*PYTHON_TYPES, *PROPERTY_TYPES]},
            "local": _SCALAR,
            "description": _TEXT,
        },
        required=["value"],
    )
    return {"anyOf": [_SCALAR, typed]}


def _schedule() -> Schema:
    hints = get_type_hints(Schedule)
    given = fields(Schedule)
    needed = [f.name for f in given if f.default is MISSING and f.default_factory is MISSING]
    return _object({f.name: _of_type(hints[f.name]) for f in given}, required=needed)


def _of_type(kind: Any) -> Schema:
    """The schema of a field by its annotation; what has no narrower one takes anything."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        parts = [_of_type(argument) for argument in arguments if argument is not type(None)]
        found = _ANYTHING if _ANYTHING in parts else parts[0] if len(parts) == 1 else {"anyOf": parts}
        return _or_null(found) if type(None) in arguments else found
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of_type(arguments[1])}
    if origin is not None and issubclass(origin, Sequence):
        return {"type": "array", "items": _of_type(arguments[0])}
    plain: Mapping[Any, Schema] = {
        str: _TEXT,
        bool: {"type": "boolean"},
        int: {"type": "integer"},
        float: {"type": "number"},
        datetime: _TEXT,
    }
    return plain.get(kind, _ANYTHING)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]} if schema else schema


def _object(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | {"required": list(required)} if required else found
