"""What a feature view's query gives and needs: its columns, its windows, the indexes of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsflow._api.shown import Shown
from dsflow.declare.context import declared_workflows
from dsflow.declare.deployed import deployed_needs
from dsflow.declare.params import PLACEHOLDER
from dsflow.declare.table import declared_tables, index_of
from dsflow.errors import DeclarationError, DsflowError
from dsflow.openmldb.indexes import merged, needed_indexes
from dsflow.openmldb.query import parse_query

if TYPE_CHECKING:
    from dsflow.declare.features import FeatureView
    from dsflow.openmldb.bound import BoundQuery
    from dsflow.openmldb.sdk import Refusal


@dataclass(frozen=True)
class Window:
    """A window of the query.

    Attributes:
        name: '' for one without a name.
        rows: what of the rows before a row it holds, as it stands in the query.
    """

    name: str
    partition_by: str
    order_by: str
    rows: str


@dataclass(frozen=True)
class NeededIndex:
    """An index that deploying the query needs.

    Attributes:
        table: the table's name.
        ttl: what it must keep: ``everything``, an age (``1h``), or a number of rows.
    """

    table: str
    keys: tuple[str, ...]
    ts: str | None
    ttl: str


@dataclass(frozen=True)
class Explanation(Shown):
    """What a feature view's query gives and needs.

    Attributes:
        columns: name, OpenMLDB type ('' when it does not compile here) and ``feature`` or ``label``.
        refusal: why OpenMLDB's compiler refuses the query, '' when it does not.
    """

    view: str
    source: str
    deployment: str
    columns: tuple[tuple[str, str, str], ...]
    windows: tuple[Window, ...]
    indexes: tuple[NeededIndex, ...]
    refusal: str = ""

    def _tables(self) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
        windows = [(w.name, w.partition_by, w.order_by, w.rows) for w in self.windows]
        indexes = [(i.table, ", ".join(i.keys), i.ts or "", i.ttl) for i in self.indexes]
        return [
            ("columns", ("column", "type", ""), [*self.columns]),
            ("windows", ("window", "partition by", "order by", "rows"), [*windows]),
            ("indexes", ("table", "keys", "time", "keeps (TTL)"), [*indexes]),
        ]

    def __str__(self) -> str:
        from dsflow.display.text import columns, pad

        lines = [f"{self.view} over {self.source}, deployed as {self.deployment}"]
        lines += [f"  refused: {self.refusal}"] if self.refusal else []
        for title, head, rows in self._tables():
            if rows:
                widths = [max(columns(row[n]) for row in [head, *rows]) for n in range(len(head))]
                lines += ["", title]
                cells = (zip(row, widths, strict=True) for row in [head, *rows])
                lines += ["  " + "  ".join(pad(cell, width) for cell, width in row).rstrip() for row in cells]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from dsflow.display.html import headed, table, text_block

        parts = [table(head, rows) for _, head, rows in self._tables() if rows]
        refused = [text_block(self.refusal)] if self.refusal else []
        return headed(f"{self.view} over {self.source}, deployed as {self.deployment}", *refused, *parts)


def explain(view: FeatureView) -> Explanation:
    """What a view's query gives and needs, without running it.

    Raises:
        DeclarationError: it does not parse.
    """
    from dsflow.openmldb.bound import bind

    text = PLACEHOLDER.sub(r"\1", view.sql)  # a name in place of each parameter: it parses all the same
    tree = parse_query(text)
    known = {table.id: table.columns for table in [*declared_tables(), view.source]}
    bound = bind(tree, str(view.source.database), known)
    kinds = dict(_columns(view, text))
    columns = [
        (name, str(kinds.get(name, "")), "label" if name == view.declared_label else "feature")
        for name in view.output_columns
    ]
    refusal = refusal_of(view)
    return Explanation(
        view.name,
        view.source.name,
        view.deployment(view.deployed_as),
        tuple(columns),
        tuple(_windows(bound)),
        tuple(_indexes(view, bound)),
        refusal.message if refusal is not None else "",
    )


def refusal_of(view: FeatureView) -> Refusal | None:
    """What OpenMLDB's compiler has against the query as a deployment; where it is not installed, the embedded one.

    Raises:
        DsflowError: the compiler cannot tell.
    """
    from dsflow.openmldb.sdk import SdkMissing, find_sdk, shared_compiler
    from dsflow.validation.embedded import EmbeddedCompiler

    sdk = find_sdk()
    asked = EmbeddedCompiler() if isinstance(sdk, SdkMissing) else shared_compiler(sdk)
    return asked.validate(PLACEHOLDER.sub(r"\1", view.sql), *_catalog(view), "request")


def _catalog(view: FeatureView) -> tuple[str, dict[str, dict[str, list[tuple[str, str]]]]]:
    """The view's database, and the tables that are declared; a parameter's name stands for it."""
    catalog: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for table in [*declared_tables(), view.source]:
        database = PLACEHOLDER.sub(r"\1", str(table.database))
        columns = [(name, str(kind)) for name, kind in table.columns.items()]
        catalog.setdefault(database, {})[str(table.name)] = columns
    return PLACEHOLDER.sub(r"\1", str(view.source.database)), catalog


def _columns(view: FeatureView, text: str) -> tuple[tuple[str, Any], ...]:
    from dsflow.validation.embedded import EmbeddedCompiler

    database, catalog = _catalog(view)
    try:
        return EmbeddedCompiler().columns(text, database, catalog)
    except ImportError:  # the engine is not installed: the names are known all the same
        return ()


def _windows(query: BoundQuery) -> Iterator[Window]:
    def text(*parts: Any) -> str:
        return ", ".join(part.sql(dialect="openmldb") for part in parts)

    for window in (window for select in query.selects for window in select.windows):
        union = text(*(source.node for source in window.union))
        yield Window(
            window.name,
            (f"UNION {union} " if union else "") + text(*window.partition),
            text(window.order) if window.order is not None else "",
            text(window.frame.node) if window.frame is not None else "",
        )


def _indexes(view: FeatureView, query: BoundQuery) -> Iterator[NeededIndex]:
    """As the workflow deploys the view (a bias lengthens a TTL), else as the query alone needs them."""
    known = {table.id: tuple(table.columns) for table in [*declared_tables(), view.source]}
    wanted: dict[Any, list[Any]] = {}
    for workflow in declared_workflows():
        tasks = [name for name, task in workflow.tasks.items() if getattr(task, "origin", None) is view]
        for deployed in deployed_needs(workflow, known) if tasks else ():
            if deployed.task in tasks:
                wanted.setdefault(deployed.table, []).append(deployed.need)
    if not wanted:
        wanted = {**needed_indexes(query)}
    for table, needs in wanted.items():
        for need in merged(needs):
            index = index_of(need)
            keeps = "everything" if index.ttl is None else f"{index.ttl} ({index.ttl_type})"
            yield NeededIndex(table[1], tuple(index.keys), index.ts, keeps)


def _second_opinion(view: FeatureView) -> Refusal | None:
    """The embedded compiler's refusal, which has a place where OpenMLDB's has none; None when it takes the query."""
    from dsflow.validation.embedded import EmbeddedCompiler

    try:
        return EmbeddedCompiler().validate(PLACEHOLDER.sub(r"\1", view.sql), *_catalog(view), "request")
    except (DsflowError, ImportError):
        return None


class QueryRefused(DeclarationError):
    """OpenMLDB's compiler refuses a query."""


def check_query(view: FeatureView) -> str:
    """Compile a view's query as a deployment.

    Returns:
        '' or, where the compiler cannot tell, why.

    Raises:
        QueryRefused: the compiler refuses it; the error shows the place.
    """
    from dsflow.validation.model import offset_of, sql_excerpt

    try:
        refusal = refusal_of(view)
    except QueryRefused:
        raise
    except DsflowError as error:
        return error.message
    if refusal is None:
        return ""
    place = refusal if refusal.line else _second_opinion(view)
    excerpt = ""
    if place is not None and place.line:
        excerpt = sql_excerpt(view.sql, offset_of(view.sql, place.line, place.column or 1))
    raise QueryRefused(f"{view.name}: {refusal.message}", hint=refusal.hint or None, excerpt=excerpt)
