"""DuckDB macros that give OpenMLDB's meaning where DuckDB's own functions differ. Their names begin with ``oml_``."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

MACROS: dict[str, str] = {**_WRAP}


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all macros and functions in a connection; they are temporary, a database file does not keep them."""
    from dsflow.embedded.compiler.functions import MACROS as FUNCTION_MACROS
    from dsflow.embedded.compiler.functions import categories, hashing, jsons

    hashing.register(connection)
    jsons.register(connection)
    for signature, body in {**MACROS, **FUNCTION_MACROS, **categories.MACROS}.items():
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {signature} AS {body}")
