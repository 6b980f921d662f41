"""DuckDB macros that give OpenMLDB's meaning where DuckDB's own functions differ. Their names begin with ``oml_``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsflow.embedded.errors import REFUSED

if TYPE_CHECKING:
    import duckdb

# Integer arithmetic is done in the next wider type and wraps around, as two's complement does.
_WRAP = {
    "oml_wrap_smallint(x)": "CAST(xor(CAST(x AS BIGINT) & 65535, 32768) - 32768 AS SMALLINT)",
    "oml_wrap_int(x)": "CAST(xor(CAST(x AS BIGINT) & 4294967295, 2147483648) - 2147483648 AS INTEGER)",
    "oml_wrap_int_huge(x)": (
        "CAST(xor(CAST(CAST(x AS HUGEINT) & 4294967295 AS BIGINT), 2147483648) - 2147483648 AS INTEGER)"
    ),
    "oml_wrap_smallint_huge(x)": "CAST(xor(CAST(CAST(x AS HUGEINT) & 65535 AS BIGINT), 32768) - 32768 AS SMALLINT)",
    "oml_wrap_bigint(x)": (
        "CAST(xor(CAST(x AS HUGEINT) & 18446744073709551615::HUGEINT, 9223372036854775808::HUGEINT)"
        " - 9223372036854775808::HUGEINT AS BIGINT)"
    ),
}

MACROS: dict[str, str] = {"oml_refuse(x)": f"error('{REFUSED}' || x)", **_WRAP}

_CATALOG = "oml_functions"


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all macros and functions, for all connections to the same database.

    They stand in a catalog of their own that is kept in memory: a database file never holds those of another version,
    and a further connection has only to look there (`find`). Making them takes longer than many a query.
    """
    from dsflow.embedded.compiler.functions import MACROS as FUNCTION_MACROS
    from dsflow.embedded.compiler.functions import hashing, javafloats, jsons

    hashing.register(connection)
    jsons.register(connection)
    javafloats.register(connection)
    connection.execute(f"ATTACH ':memory:' AS {_CATALOG}")
    find(connection)  # a macro may call those before it
    macros = {**MACROS, **FUNCTION_MACROS}
    connection.execute(";".join(f"CREATE MACRO {_CATALOG}.main.{name} AS {body}" for name, body in macros.items()))


def registered(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a connection's database has them."""
    found = connection.execute("SELECT 1 FROM duckdb_databases() WHERE database_name = ?", [_CATALOG]).fetchone()
    return found is not None


def find(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection find what `register` made on another one to the same database."""
    connection.execute(f"SET search_path = 'main,{_CATALOG}.main'")
