"""The OpenAPI description of the server as it is now: paths, the rows of each service, examples that can be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dsflow._version import VERSION
from dsflow.openmldb.types import ColumnType
from dsflow.serving.pair import Pair
from dsflow.serving.schema import Column

Json = dict[str, Any]

_ERRORS: Mapping[str, str] = {
    "400": "The request is not what the path takes.",
    "401": "A token is needed, or the one sent does not open.",
    "403": "The request comes from a page of another site.",
    "404": "There is no such path or service.",
    "408": "The request did not arrive in time.",
    "413": "The body or the number of rows is above the limit.",
    "422": "What is named cannot be served.",
    "431": "The headers are too large.",
    "502": "OpenMLDB refuses.",
    "503": "Nothing is served yet, OpenMLDB does not answer, or there are too many connections.",
}
_INTEGERS: Mapping[ColumnType, int] = {ColumnType.SMALLINT: 16, ColumnType.INT: 32, ColumnType.BIGINT: 64}
_EXAMPLES: Mapping[ColumnType, Any] = {
    ColumnType.BOOL: True,
    ColumnType.STRING: "text",
    ColumnType.DATE: "2017-11-06",
    ColumnType.TIMESTAMP: 1509960088000,
    ColumnType.FLOAT: 1.5,
    ColumnType.DOUBLE: 1.5,
}


def describe(pairs: Mapping[str, Pair | None], default: str, *, update_token: bool, predict_token: bool) -> Json:
    """The description, as plain data.

    Args:
        pairs: what each service serves.
        default: the service whose paths carry no name.
        update_token, predict_token: whether the paths of that kind ask for a token.
    """
    schemas: Json = {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {"type": "string"},
                "hint": {"type": "string"},
                "problems": {"type": "array", "items": {"type": "string"}},
                "request": {"type": "string", "description": "The request's id, as in the log."},
            },
        },
        "Update": _update_schema(),
    }
    paths: Json = {}
    change: list[Json] = [{"bearer": []}] if update_token else []
    ask: list[Json] = [{"bearer": []}] if predict_token else []
    for service, pair in pairs.items():
        tail = "" if service == default else f"/{service}"
        name = "" if service == default else f"_{service}"
        schemas[f"Row{name}"] = row_schema(pair)
        paths[f"/predict{tail}"] = {"post": _predict(name, pair, ask)}
        paths[f"/schema{tail}"] = {
            "get": _operation(f"schema{name}", "What a row looks like, and who answers", ask, "401 403 408 431 503")
        }
        paths[f"/update{tail}"] = {"post": _change(f"update{name}", "Serve another pair", change)}
        paths[f"/rollback{tail}"] = {
            "post": _operation(
                f"rollback{name}", "Serve the pair of before again", change, "401 403 408 422 431 502 503"
            )
        }
        paths[f"/shadow{tail}"] = {
            "get": _operation(f"shadow{name}", "How the shadow answers", change, "401 403 408 431"),
            "post": _change(f"set_shadow{name}", "Let a second pair answer in the background", change),
            "delete": _operation(f"end_shadow{name}", "End the shadow", change, "401 403 408 431"),
        }
    paths["/health"] = {"get": _operation("health", "Does the process live, and what does it serve", [], "403 408 431")}
    paths["/ready"] = {"get": _operation("ready", "Does every service serve: 200 or 503", [], "403 408 431 503")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dsflow prediction server",
            "version": VERSION,
            "description": "Features of an OpenMLDB deployment, and a model's prediction for them.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def row_schema(pair: Pair | None) -> Json:
    """A request row, by column name, as JSON Schema."""
    if pair is None:
        return {"type": "object", "description": "Nothing is served yet."}
    optional = pair.may_be_left_out
    return {
        "type": "object",
        "properties": {column.name: _column(column) for column in pair.deployment.input},
        "required": [column.name for column in pair.deployment.input if column.name not in optional],
        "additionalProperties": False,
    }


def example_row(pair: Pair) -> Json:
    """A row that the deployment takes."""
    return {column.name: _EXAMPLES.get(column.type, 1) for column in pair.deployment.input}


def _column(column: Column) -> Json:
    kind = column.type
    if kind in _INTEGERS:
        most = 2 ** (_INTEGERS[kind] - 1)
        return {"type": ["integer", "null"], "minimum": -most, "maximum": most - 1, "description": kind.value}
    if kind is ColumnType.TIMESTAMP:
        return {
            "anyOf": [
                {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1},
                {"type": "string", "examples": ["2017-11-06 17:21:28"]},
            ],
            "description": "timestamp: milliseconds since 1970, or a text, at UTC+8 unless it says otherwise",
        }
    name = {ColumnType.BOOL: "boolean", ColumnType.STRING: "string", ColumnType.DATE: "string"}.get(kind, "number")
    found: Json = {"type": [name, "null"], "description": kind.value}
    if kind is ColumnType.FLOAT:
        found |= {"minimum": -3.4028234663852886e38, "maximum": 3.4028234663852886e38}
    if kind is ColumnType.DATE:
        found |= {"pattern": r"^\d{1,4}-\d{1,2}-\d{1,2}$", "examples": ["2017-11-06"]}
    return found


def _predict(name: str, pair: Pair | None, security: list[Json]) -> Json:
    row = {"$ref": f"#/components/schemas/Row{name}"}
    width = None if pair is None else len(pair.deployment.input)
    values: Json = {"type": "array"} | ({} if width is None else {"minItems": width, "maxItems": width})
    made = _operation(
        f"predict{name}", "Features and prediction of one row or many", security, "400 401 403 404 408 413 431 502 503"
    )
    made["description"] = (
        "One row is an object by column name, or an array of values in the order of /schema; many are an array of rows,"
        ' or {"input": [...]} as OpenMLDB\'s APIServer takes them.'
    )
    made["parameters"] = [
        {
            "name": "probabilities",
            "in": "query",
            "description": "1: each answer has the probability of each class.",
            "schema": {"type": "string", "enum": ["0", "1"]},
        }
    ]
    examples: Json = {}
    if pair is not None:
        one = example_row(pair)
        examples = {
            "one": {"summary": "one row", "value": one},
            "many": {"summary": "many rows", "value": [one, one]},
            "values": {"summary": "values in the order of the schema", "value": list(one.values())},
            "input": {"summary": "as OpenMLDB's APIServer takes it", "value": {"input": [list(one.values())]}},
        }
    forms = [row, {"type": "array", "items": row}, values]
    made["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": forms}} | ({"examples": examples} if examples else {})},
    }
    return made


def _change(name: str, summary: str, security: list[Json]) -> Json:
    made = _operation(name, summary, security, "400 401 403 408 413 422 431 502 503")
    example = {"database": "demo_db", "deployment": "demo", "model_path": "/models/model.json"}
    made["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Update"},
                "examples": {"update": {"summary": "a pair", "value": example}},
            }
        },
    }
    return made


def _update_schema() -> Json:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": ["database", "deployment", "model_path"],
        "additionalProperties": False,
        "properties": {
            "database": text,
            "deployment": text,
            "model_path": text | {"description": "a file below one of the server's directories of models"},
            "table": {"type": "string", "description": "where rows to compare are taken from"},
            "columns": {"type": "string", "description": "NAME:FINGERPRINT,... of how columns are computed"},
            "compare": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 10_000}, {"type": "string"}]},
        },
    }


def _operation(name: str, summary: str, security: list[Json], errors: str) -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "Done.", "content": {"application/json": {"schema": {}}}}}
        | {code: {"description": _ERRORS[code], "content": error} for code in errors.split()},
    }
    return made | ({"security": security} if security else {})
