"""A query, resolved once: its columns and where they come from, its windows and joins, and the keys they look up.

`bind` reads a query's tree and never refuses one: what cannot be resolved is not there, and whoever needs it says so.
Index derivation (`dsflow.openmldb.indexes`), validation, consistency and the embedded compilers read what it gives.
"""

from __future__ import annotations

from dsflow.openmldb.bound.binder import Tables, bind, cast_type
from dsflow.openmldb.bound.frames import Edge, Frame, whole_number
from dsflow.openmldb.bound.model import (
    BoundQuery,
    Column,
    Join,
    Lookup,
    Query,
    Rows,
    Scan,
    Select,
    Source,
    TableKey,
    Union,
    Use,
    Window,
    conjuncts,
)
from dsflow.openmldb.bound.names import ANY

__all__ = [
    "ANY",
    "BoundQuery",
    "Column",
    "Edge",
    "Frame",
    "Join",
    "Lookup",
    "Query",
    "Rows",
    "Scan",
    "Select",
    "Source",
    "TableKey",
    "Tables",
    "Union",
    "Use",
    "Window",
    "bind",
    "cast_type",
    "conjuncts",
    "whole_number",
]
