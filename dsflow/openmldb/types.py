"""OpenMLDB's column types, as words that a declaration, a schema and a file can share.

The names are those of OpenMLDB's DDL (``CREATE TABLE``); see
https://openmldb.ai/docs/en/main/openmldb_sql/data_types/index.html.
"""

from __future__ import annotations

from enum import Enum


class ColumnType(str, Enum):
    """A column's type; its value is the word that OpenMLDB's DDL uses."""

    BOOL = "bool"
    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DATE = "date"

    def __str__(self) -> str:
        return self.value

    @property
    def api_name(self) -> str:
        """The name that OpenMLDB's APIServer writes in a schema: ``int`` is ``int32`` there."""
        return _API_NAMES.get(self, self.value)

    @classmethod
    def parse(cls, word: str) -> ColumnType:
        """The type that a word of the DDL or of the APIServer means.

        Raises:
            ValueError: OpenMLDB has no such column type.
        """
        try:
            return _WORDS[word.strip().lower()]
        except (KeyError, AttributeError):
            known = ", ".join(t.value for t in cls)
            raise ValueError(f"{word!r} is not a column type of OpenMLDB; use one of {known}") from None


_API_NAMES = {ColumnType.SMALLINT: "int16", ColumnType.INT: "int32", ColumnType.BIGINT: "int64"}

_WORDS = {t.value: t for t in ColumnType} | {
    "int16": ColumnType.SMALLINT,
    "int32": ColumnType.INT,
    "int64": ColumnType.BIGINT,
    "integer": ColumnType.INT,
    "varchar": ColumnType.STRING,
}

Bool = ColumnType.BOOL
SmallInt = ColumnType.SMALLINT
Int = ColumnType.INT
BigInt = ColumnType.BIGINT
Float = ColumnType.FLOAT
Double = ColumnType.DOUBLE
String = ColumnType.STRING
Timestamp = ColumnType.TIMESTAMP
Date = ColumnType.DATE
