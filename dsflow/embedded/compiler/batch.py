"""Batch mode."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dsflow.embedded.compiler.packed import packed_query
from dsflow.embedded.compiler.parse import parse_query
from dsflow.embedded.compiler.select import Context, SelectCompiler, bound_query, final_sql, output_columns
from dsflow.embedded.compiler.types import Catalog, CompiledQuery
from dsflow.openmldb.types import ColumnType


def number_parameters(query: exp.Expr) -> exp.Expr:
    """Give each ``?`` its number, in the order of the text."""
    query = query.copy()
    for index, node in enumerate(query.find_all(exp.Placeholder, bfs=False)):
        node.meta["index"] = index
    return query


def compile_batch(
    query: str | exp.Expr,
    catalog: Catalog,
    db: str | None,
    parameters: Sequence[tuple[ColumnType, object]] = (),
    *,
    online: bool = False,
    packed: bool = False,
) -> CompiledQuery:
    """See `dsflow.embedded.compiler.compile_batch`."""
    tree = parse_query(query) if isinstance(query, str) else query
    tree = number_parameters(tree)
    context = Context(catalog, db, parameters, online=online)
    resolved = bound_query(tree, context)
    relation = SelectCompiler(context).query(resolved)
    found = packed_query(resolved, context) if packed else None
    return CompiledQuery(final_sql(relation), output_columns(relation), found)
