"""The child process that holds OpenMLDB's compiler: one JSON request a line on standard input, one answer a line.

It is run as a file, by ``python -I -S child.py FOLDER`` with the folder of ``sql_router_sdk.py``, and imports nothing
but the standard library and that module. The first line it writes says whether the module could be loaded.

Requests: ``{"op": "validate", "mode": "batch" | "request", "sql", "db", "tables": {db: {table: [[column, type]]}}}``,
and ``"schema"``, ``"indexes"``, ``"dependencies"`` with the same fields but ``mode``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Tables = dict[str, dict[str, list[list[str]]]]


class Answers:
    """The native functions, each by the name of its request."""

    def __init__(self, sdk: Any) -> None:
        self.sdk = sdk
        self.types = {
            "bool": sdk.kTypeBool,
            "smallint": sdk.kTypeInt16,
            "int": sdk.kTypeInt32,
            "bigint": sdk.kTypeInt64,
            "float": sdk.kTypeFloat,
            "double": sdk.kTypeDouble,
            "string": sdk.kTypeString,
            "date": sdk.kTypeDate,
            "timestamp": sdk.kTypeTimestamp,
        }
        # SWIG takes an object with these methods for a Python sequence and then fails to convert it
        for pair in (sdk.ColumnDescPair, sdk.TableColumnDescPair, sdk.DBTableColumnDescPair):
            for name in ("__getitem__", "__setitem__", "__len__", "__repr__"):
                if name in pair.__dict__:
                    delattr(pair, name)

    def _tables(self, tables: dict[str, list[list[str]]]) -> Any:
        found = self.sdk.TableColumnDescPairVector()
        for name, columns in tables.items():
            listed = self.sdk.ColumnDescVector()
            for column, kind in columns:
                listed.append(self.sdk.ColumnDescPair(column, self.types[kind]))
            found.append(self.sdk.TableColumnDescPair(name, listed))
        return found

    def _databases(self, tables: Tables) -> Any:
        found = self.sdk.DBTableColumnDescPairVector()
        for name, inside in tables.items():
            found.append(self.sdk.DBTableColumnDescPair(name, self._tables(inside)))
        return found

    def validate(self, sql: str, db: str, tables: Tables, mode: str) -> Any:
        """``[]`` when the query compiles, else the message and the native trace."""
        function = self.sdk.ValidateSQLInRequest if mode == "request" else self.sdk.ValidateSQLInBatch
        return [str(text) for text in function(sql, db, self._databases(tables))]

    def schema(self, sql: str, db: str, tables: Tables) -> Any:
        """Names and types of the output columns in request mode; None when it does not compile there."""
        schema = self.sdk.GenOutputSchema(sql, db, self._databases(tables))
        if schema is None:
            return None
        names = {number: name for name, number in self.types.items()}
        return [[schema.GetColumnName(i), names[schema.GetColumnType(i)]] for i in range(schema.GetColumnCnt())]

    def indexes(self, sql: str, db: str, tables: Tables) -> Any:
        """A CREATE TABLE statement for each table of the database, with the indexes that the query needs."""
        return [str(text) for text in self.sdk.GenDDL(sql, self._tables(tables.get(db, {})))]

    def dependencies(self, sql: str, db: str, tables: Tables) -> Any:
        """Database and name of each table that the query reads."""
        found = self.sdk.GetDependentTables(sql, db, self._databases(tables))
        # by position: the vector's iterator reads past its end
        return [list(found[i]) for i in range(len(found))]


def main(folder: str) -> None:
    """Answer until standard input ends."""
    # native code may write to standard output; the answers go through a descriptor that it does not know
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def write(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    sys.path.insert(0, folder)
    try:
        import sql_router_sdk  # type: ignore[import-not-found]
    except Exception as error:
        write({"error": f"{type(error).__name__}: {error}"})
        return
    native = Answers(sql_router_sdk)
    operations: dict[str, Callable[..., Any]] = {
        "validate": native.validate,
        "schema": native.schema,
        "indexes": native.indexes,
        "dependencies": native.dependencies,
    }
    write({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = operations[request.pop("op")](**request)
        except Exception as error:
            write({"error": f"{type(error).__name__}: {error}"})
        else:
            write({"result": result})


if __name__ == "__main__":
    main(sys.argv[1])
