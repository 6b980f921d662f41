"""A feature view: one SQL text for training and serving, and the steps made of it."""

from __future__ import annotations

import hashlib
import textwrap
from functools import cached_property
from typing import Any

from dsflow._source import caller
from dsflow.errors import DeclarationError
from dsflow.openmldb.encoding import split_statements
from dsflow.openmldb.table import Table, check_file, is_name
from dsflow.params import PLACEHOLDER, Operand, Reference
from dsflow.tasks.openmldb import OpenMLDB


class FeatureView:
    """Features computed by one query, offline for training and online for serving.

    Args:
        name: a name for its steps, and the deployment's unless :meth:`deploy` gives another.
        source: the table of the query's request rows.
        sql: the query.
        label: the output column that a model learns to predict; the others are its features.

    Raises:
        DeclarationError: the query is no SELECT, or the label is not among its columns.
    """

    def __init__(self, name: str, *, source: Table, sql: str, label: str | None = None) -> None:
        self.where = caller()
        self.name = name
        self.source = source
        self.sql = textwrap.dedent(sql).strip().rstrip(";").rstrip()
        self.label = label
        if not isinstance(source, Table):
            raise DeclarationError(f"feature view {name!r}: source={source!r} is not a Table", where=self.where)
        if not is_name(name):
            raise DeclarationError(
                f"feature view {name!r}: not a name", where=self.where, hint="use letters, digits and _"
            )
        if len(split_statements(self.sql)) != 1:
            raise DeclarationError(f"feature view {name!r}: its sql is not one statement", where=self.where)

    def __repr__(self) -> str:
        return f"FeatureView({self.name!r})"

    @cached_property
    def output_columns(self) -> tuple[str, ...]:
        """Names of the query's columns, in order, the label included."""
        from dsflow.openmldb.query import output_names

        try:
            text = PLACEHOLDER.sub(r"\1", self.sql)  # a name in place of each parameter: it parses all the same
            names = output_names(text, {self.source.name: tuple(self.source.columns)})
        except DeclarationError as error:
            raise DeclarationError(f"feature view {self.name!r}: {error.message}", where=self.where) from None
        if self.label is not None and self.label not in names:
            raise DeclarationError(
                f"feature view {self.name!r}: the label {self.label!r} is not among its columns",
                where=self.where,
                hint="columns: " + ", ".join(names),
            )
        return names

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features: the query's columns without the label."""
        return tuple(c for c in self.output_columns if c != self.label)

    @property
    def version(self) -> str:
        """Eight hex digits of the query's text: another query is another version."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:8]

    def extract(self, path: Operand, name: str | None = None, *, format: str = "csv", **fields: Any) -> OpenMLDB:
        """A task that computes the features of all offline rows and writes them, in place of what was there.

        Args:
            path: the folder for the part files.
            name: the task's name, by default ``extract VIEW``.
            format: ``csv`` (with a header) or ``parquet``.
        """
        check_file(path, format)
        into = f"INTO OUTFILE '{path}' OPTIONS(format='{format}', mode='overwrite')"
        statements = [self.source.use, f"{self.sql}\n{into}"]
        return OpenMLDB(name or f"extract {self.name}", statements, "offline", origin=self, **fields)

    def deployment(self, name: Operand | None = None) -> str:
        """The name that :meth:`deploy` deploys this version of the query under: ``NAME_VERSION``.

        OpenMLDB can not change a deployment, so another query is deployed beside the old one, which keeps on serving
        until the prediction server has been pointed to the new one.
        """
        if not (name is None or isinstance(name, Reference) or is_name(name)):
            raise DeclarationError(
                f"the deployment {name!r} is not a name", where=caller(), hint="use letters, digits and _"
            )
        return f"{self.name if name is None else name}_{self.version}"

    def deploy(
        self,
        name: Operand | None = None,
        task: str | None = None,
        *,
        range_bias: str | int | None = None,
        rows_bias: str | int | None = None,
        **fields: Any,
    ) -> OpenMLDB:
        """A task that deploys the query, unless this version of it is deployed already.

        Args:
            name: what :meth:`deployment` starts with.
            task: the task's name, by default ``deploy VIEW``.
            range_bias: lengthens the TTL that OpenMLDB derives for time windows; ``"inf"`` keeps every row.
            rows_bias: likewise for windows of a number of rows.
        """
        biases = {"RANGE_BIAS": range_bias, "ROWS_BIAS": rows_bias}
        given = [f'{k}="{v}"' if isinstance(v, str) else f"{k}={v}" for k, v in biases.items() if v is not None]
        options = f"OPTIONS({', '.join(given)}) " if given else ""
        statement = f"DEPLOY IF NOT EXISTS {self.deployment(name)} {options}{self.sql}"
        return OpenMLDB(task or f"deploy {self.name}", [self.source.use, statement], "online", origin=self, **fields)
