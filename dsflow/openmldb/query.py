"""What can be read off a query's text by a parser alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsflow.errors import DeclarationError


def output_names(sql: str, tables: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names of a SELECT's columns, in order.

    Args:
        sql: the query.
        tables: columns of the tables whose ``*`` may stand in it.

    Raises:
        DeclarationError: it does not parse, is no SELECT, or has a column without a name.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import ParseError

    from dsflow.openmldb.dialect import OpenMLDB

    try:
        query = parse_one(sql, read=OpenMLDB)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f"line {first.get('line')}, column {first.get('col')}: " if first else ""
        raise DeclarationError(f"the SQL does not parse: {place}{first.get('description', error)}") from None
    if not isinstance(query, exp.Query):
        raise DeclarationError("the SQL is not a SELECT")
    names: list[str] = []
    for column in query.selects:
        if column.is_star:
            source = column.table if isinstance(column, exp.Column) else ""
            known = [source] if source else [t.name for t in query.find_all(exp.Table)][:1]
            if known[0] not in tables:
                raise DeclarationError(f"what {column.sql()} stands for is not known here", hint="name the columns")
            names += tables[known[0]]
        # a function has a "name" too, that of its argument
        elif not column.alias and not isinstance(column, exp.Column):
            raise DeclarationError(f"the column {column.sql()} has no name", hint="add: as NAME")
        else:
            names.append(column.alias_or_name)
    return tuple(names)
