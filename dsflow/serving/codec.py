"""JSON of one pair's requests and answers, compiled from the deployment's schema (msgspec).

A request row becomes an object of a class with one typed field a column, the row of features one with a field for each
feature of the model. Reading, checking and writing them then happens in C. What this does not take (a text for a
number, an unknown column, a bare ``NaN``) is no error yet: the caller reads it again in the general way
(`dsflow.serving.schema`), which knows everything that is allowed, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import NotServableError
from dsflow.serving.pair import Pair
from dsflow.serving.schema import Column, check_value

Row = Any
"""A request row: an object with one field for each column; see `Codec.row_json` for its names."""

Features = Any
"""A row of features: an object with one field for each feature of the model, in the model's order."""

_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_FLOAT_MAX = 3.4028234663852886e38
_REQUEST_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.BOOL: bool,
    ColumnType.SMALLINT: Annotated[int, msgspec.Meta(ge=-(2**15), le=2**15 - 1)],
    ColumnType.INT: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    ColumnType.BIGINT: _INT64,
    ColumnType.FLOAT: Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)],
    ColumnType.DOUBLE: float,
    ColumnType.STRING: str,
    ColumnType.TIMESTAMP: _INT64 | str,
    ColumnType.DATE: str,
}
_FEATURE = bool | int | float | None


class Unreadable(Exception):  # no error of anybody yet
    """The JSON is not what the compiled reader takes; read it in the general way."""


class Codec:
    """Reads and writes the JSON of one pair.

    Args:
        pair: what it is compiled for.

    Raises:
        NotServableError: a column's name cannot be a key of JSON as it stands (a quote, a backslash).
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        columns, features = pair.deployment.input, pair.model.features
        optional = pair.may_be_left_out
        try:
            row = _struct(
                "Row",
                [(c.name, _REQUEST_TYPES[c.type] | None, *((None,) if c.name in optional else ())) for c in columns],
                forbid_unknown_fields=True,
            )
            self._features: Any = _struct("Features", [(name, _FEATURE) for name in features])
            head = [(name, msgspec.Raw) for name in pair.to_json()]
            self._answer: Any = _struct("Answer", [*head, ("features", Any), ("prediction", Any)])
            self._answer_with: Any = _struct(
                "AnswerWith", [*head, ("features", Any), ("prediction", Any), ("probabilities", Any)]
            )
        except ValueError as error:
            raise NotServableError(
                f"deployment {pair.deployment} has a column that cannot be served: {error}",
                hint="give it a name of letters, digits and _",
            ) from error
        self._row: Any = row
        # the classes are made here, so the types of both JSON texts are values, which the checker of types cannot read
        rows: Any = list
        self._read_rows = msgspec.json.Decoder(row | rows[row]).decode
        data = msgspec.defstruct("Data", [("data", rows[self._features])])
        self._read_features: Callable[[bytes], Any] = msgspec.json.Decoder(
            msgspec.defstruct("Reply", [("code", int), ("data", data)])
        ).decode
        self._encode = msgspec.json.Encoder().encode
        # texts of these become numbers or are laid out anew
        self._texts = [
            (f"f{number}", column.type)
            for number, column in enumerate(columns)
            if column.type in (ColumnType.TIMESTAMP, ColumnType.DATE)
        ]
        self._head = [msgspec.Raw(self._encode(value)) for value in pair.to_json().values()]

    @property
    def input(self) -> tuple[Column, ...]:
        """The request columns."""
        return self._pair.deployment.input

    def rows(self, body: bytes | bytearray) -> tuple[list[Row], bool]:
        """The request rows in a body, and whether it was an array.

        Raises:
            Unreadable: it is not a row, or an array of rows, that fits the deployment's input.
        """
        try:
            read = self._read_rows(body)
            rows, many = (read, True) if type(read) is list else ([read], False)
            for name, kind in self._texts:
                for row in rows:
                    value = getattr(row, name)
                    if type(value) is str:
                        setattr(row, name, check_value(value, kind))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unreadable from error
        return rows, many

    def from_checked(self, rows: Sequence[Mapping[str, object]]) -> list[Row]:
        """Rows that `dsflow.serving.schema.check_rows` has found to fit."""
        names = [column.name for column in self._pair.deployment.input]
        return [self._row(**{f"f{number}": row[name] for number, name in enumerate(names)}) for row in rows]

    def row_json(self, row: Row) -> dict[str, object]:
        """A request row by column name."""
        found: dict[str, object] = msgspec.to_builtins(row)
        return found

    def request(self, rows: Sequence[Row]) -> bytes:
        """The body that asks an APIServer for the features of rows."""
        return self._encode({"input": rows})

    def features(self, content: bytes, count: int) -> list[Features]:
        """The rows of features in an APIServer's answer.

        Raises:
            Unreadable: it is a refusal, or not that many rows with a finite number or null for each feature.
        """
        try:
            found: list[Features] = self._read_features(content).data.data
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Unreadable from error
        if len(found) != count:
            raise Unreadable
        return found

    def from_vector(self, values: Sequence[Any]) -> Features:
        """A row of features from its values, in the model's order."""
        return self._features(*values)

    def matrix(self, features: Sequence[Features]) -> npt.NDArray[np.float32]:
        """The model's input, one row for each row of features: float32, null as NaN."""
        return np.array([msgspec.structs.astuple(row) for row in features], dtype=np.float32)

    def answer(self, features: object, value: object) -> object:
        """One prediction's answer, as `encode` takes it: who answers, the features, the prediction."""
        return self._answer(*self._head, features, value)

    def answer_with(self, features: object, value: object, probabilities: object) -> object:
        """One prediction's answer with the probability of each class."""
        return self._answer_with(*self._head, features, value, probabilities)

    def encode(self, answer: object) -> bytes:
        """An answer, or a list of them, as JSON."""
        return self._encode(answer)


def _struct(name: str, fields: Sequence[tuple[Any, ...]], *, forbid_unknown_fields: bool = False) -> Any:
    """A class with the fields f0, f1, ...; their names in JSON may be anything, as columns' names may."""
    names = {f"f{number}": field[0] for number, field in enumerate(fields)}
    return msgspec.defstruct(
        name,
        [(f"f{number}", *field[1:]) for number, field in enumerate(fields)],
        rename=names,
        forbid_unknown_fields=forbid_unknown_fields,
        kw_only=name == "Row",
        gc=False,
    )
