"""A feature view: one SQL text for training and serving, and the steps made of it."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypedDict

from dsflow.declare.context import current_workflow
from dsflow.declare.encoding import split_statements
from dsflow.declare.fileoptions import CSV_OPTIONS, check_fields, checked_options
from dsflow.declare.locations import caller
from dsflow.declare.params import PLACEHOLDER, Operand, Reference, Scalar, substitute, to_text
from dsflow.declare.statements import Deploy, SelectInto, Statement
from dsflow.declare.steps import Check, add_check, part_name, script, unless_deployed
from dsflow.declare.table import Table, check_file, is_name
from dsflow.declare.tasks.http import Http
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.errors import DeclarationError, SourceLocation
from dsflow.openmldb.types import ColumnType


class Question(TypedDict):
    """What `dsflow.consistency.ask` needs to know of a feature view."""

    view: str
    where: SourceLocation | None
    sql: str
    database: str
    table: str
    columns: Mapping[str, ColumnType]
    deployment: str


class FeatureView:
    """Features computed by one query, offline for training and online for serving.

    Args:
        name: a name for its steps, and the deployment's unless `deploy` gives another.
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
        self.declared_label = label
        self._workflow = current_workflow()
        self._deployed_as: Operand | None = None
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
        from dsflow.openmldb.bound import bind
        from dsflow.openmldb.query import output_names, parse_query

        try:
            # a name in place of each parameter: it parses all the same
            tree = parse_query(PLACEHOLDER.sub(r"\1", self.sql))
            db = PLACEHOLDER.sub(r"\1", str(self.source.database))
            names = output_names(bind(tree, db, {(db, self.source.name): self.source.columns}))
        except DeclarationError as error:
            raise DeclarationError(
                f"feature view {self.name!r}: {error.message}",
                where=self.where,
                hint=error.hint,
                excerpt=error.excerpt,
            ) from None
        if self.declared_label is not None and self.declared_label not in names:
            raise DeclarationError(
                f"feature view {self.name!r}: the label {self.declared_label!r} is not among its columns",
                where=self.where,
                hint="columns: " + ", ".join(names),
            )
        return names

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features: the query's columns without the label."""
        return tuple(c for c in self.output_columns if c != self.declared_label)

    @property
    def label(self) -> str:
        """The output column that a model learns to predict.

        Raises:
            DeclarationError: none is declared.
        """
        if self.declared_label is None:
            hint = f"name one of its columns: FeatureView({self.name!r}, ..., label={self.output_columns[-1]!r})"
            raise DeclarationError(f"feature view {self.name!r} declares no label", where=caller(), hint=hint)
        return self.declared_label

    @property
    def deployed_as(self) -> Operand | None:
        """The name that `deploy` was given; None while it was not, or was called without one."""
        return self._deployed_as

    @property
    def version(self) -> str:
        """Eight hex digits of the query's text: another query is another version."""
        return hashlib.sha256(self.sql.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def extract(
        self,
        path: Operand,
        name: str | None = None,
        *,
        format: str = "csv",
        delimiter: str | None = None,
        header: bool | None = None,
        null_value: str | None = None,
        quote: str | None = None,
        coalesce: int | None = None,
        check: bool | Check = True,
        **fields: Any,
    ) -> OpenMLDB:
        """A task that computes the features of all offline rows and writes them, in place of what was there.

        Args:
            path: the folder for the part files.
            name: the task's name, by default ``extract VIEW``.
            format: ``csv`` or ``parquet``.
            delimiter: between the values of a CSV file, by default ``,``.
            header: whether each CSV file begins with the columns' names; by default it does.
            null_value: the text for NULL in a CSV file, by default ``null``.
            quote: around texts of a CSV file that need it, by default ``"``.
            coalesce: how many part files to write at most; by default as many as Spark likes.
            check: whether (and how) a task after it looks if OpenMLDB's job is FINISHED and the files hold rows.
            fields: any field of `OpenMLDB`.

        Raises:
            DeclarationError: an option is not known, or its value is none of OpenMLDB's.
        """
        check_file(path, format)
        check_fields("extract()", fields, (*CSV_OPTIONS, "format", "coalesce", "check"))
        given: dict[str, Any] = {"delimiter": delimiter, "header": header, "null_value": null_value, "quote": quote}
        given |= {"coalesce": coalesce}
        options = checked_options(f"view {self.name!r}", format, given, {"mode": "overwrite"})
        written: list[Statement] = [self.source.use, SelectInto(self.sql, str(path), options, self.where)]
        step = OpenMLDB(name or f"extract {self.name}", written, "offline", origin=self, **fields)
        headless: dict[str, Any] = {} if header is not False else {"header": False}
        return add_check(step, check, "check_extract", path=path, format=format, **headless)

    def deployment(self, name: Operand | None = None) -> str:
        """The name that `deploy` deploys this version of the query under: ``NAME_VERSION``.

        OpenMLDB cannot change a deployment, so another query is deployed beside the old one, which keeps on serving
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
        check: bool | Check = True,
        **fields: Any,
    ) -> OpenMLDB:
        """A task that deploys the query, unless this version of it is deployed already.

        Around it are tasks that ask whether it is, and choose.

        Args:
            name: what `deployment` starts with.
            task: the task's name, by default ``deploy VIEW``.
            range_bias: lengthens the TTL that OpenMLDB derives for time windows; ``"inf"`` keeps every row.
            rows_bias: likewise for windows of a number of rows.
            check: whether (and how) a task after it looks if the deployment is there and its indexes are built.
        """
        self._deployed_as = name
        given = {"range_bias": range_bias, "rows_bias": rows_bias}
        biases = tuple((name, value) for name, value in given.items() if value is not None)
        written: list[Statement] = [self.source.use, Deploy(self.deployment(name), self.sql, biases, self.where)]
        step = OpenMLDB(task or f"deploy {self.name}", written, "online", origin=self, **fields)
        return unless_deployed(step, check, self.source.database, self.deployment(name))

    @property
    def fingerprints(self) -> dict[str, str]:
        """For each output column eight hex digits of how it is computed, but for those that a parameter takes part in.

        Two versions of a view whose columns have the same fingerprint must give the same values.
        """
        from dsflow.openmldb.query import column_fingerprints

        try:
            # twice with other names in place of the parameters: what depends on one differs
            one, other = (column_fingerprints(PLACEHOLDER.sub(rf"\1{tail}", self.sql)) for tail in ("", "_"))
        except DeclarationError as error:
            raise DeclarationError(f"feature view {self.name!r}: {error.message}", where=self.where) from None
        return {name: value for name, value in one.items() if other.get(name) == value}

    def serve(
        self,
        server: Operand,
        *,
        model_path: Operand,
        deployment: Operand | None = None,
        compare: int = 100,
        drop_old: bool = True,
        task: str | None = None,
        **fields: Any,
    ) -> Http:
        """A task that hands the deployment and a model to the prediction server, which from then on serves both.

        Before it does, the server asks the deployment in service and this one for the same rows, and refuses when they
        differ in a column that both compute alike: then the old pair stays. A task after it drops what was deployed
        under the same name before, except the pair that the server can roll back to.

        Args:
            server: the prediction server's address.
            model_path: the model's file, which the server must be able to read.
            deployment: the name given to `deploy`.
            compare: how many rows to compare: requests that came lately, then rows of the source table; 0 for none.
            drop_old: whether earlier deployments are dropped. Of several prediction servers, only for the last one.
            task: the task's name, by default ``serve VIEW``.
            fields: any field of `Http`.
        """
        body = {
            "database": self.source.database,
            "deployment": self.deployment(deployment),
            "model_path": model_path,
            "table": self.source.name,
            "columns": ",".join(f"{name}:{value}" for name, value in self.fingerprints.items()),
            "compare": compare,
        }
        step = Http(task or f"serve {self.name}", "POST", f"{server}/update", json=body, **fields)
        if drop_old and step.enabled:
            after = script(
                step,
                part_name("drop old", step.name),
                (
                    "drop_old_deployments",
                    {
                        "database": self.source.database,
                        "prefix": str(self.name if deployment is None else deployment),
                        "deployment": self.deployment(deployment),
                        "server": server,
                    },
                ),
            )
            step >> after
            step.make_step(step, after)
        return step

    def question(self, deployment: Operand | None = None, params: Mapping[str, Scalar] | None = None) -> Question:
        """What is asked to compare offline and online features: everything with the parameters' values filled in.

        Args:
            deployment: the name given to `deploy`, if it was not given there.
            params: values of workflow parameters in place of their defaults.

        Raises:
            DeclarationError: a placeholder has no value.
        """
        defaults = self._workflow.parameters if self._workflow is not None else {}
        values = {name: to_text(param.default) for name, param in defaults.items()}
        values |= {name: to_text(value) for name, value in (params or {}).items()}
        name = self.deployment(self._deployed_as if deployment is None else deployment)
        sql, database, name = (substitute(text, values) for text in (self.sql, str(self.source.database), name))
        for text in (sql, database, name):
            if left := PLACEHOLDER.search(text):
                raise DeclarationError(
                    f"feature view {self.name!r}: {left[0]} has no value",
                    where=self.where,
                    hint=f"give it: params={{{left[1]!r}: ...}}",
                )
        return Question(
            view=self.name,
            where=self.where,
            sql=sql,
            database=database,
            table=self.source.name,
            columns=self.source.columns,
            deployment=name,
        )
