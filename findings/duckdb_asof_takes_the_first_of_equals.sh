#!/usr/bin/env bash
# Of several rows with the same time, DuckDB's ASOF JOIN takes the first that it reads, pandas' merge_asof and polars'
# join_asof the last. Which is the first is a matter of how the rows lie: the same table in the other order gives another
# answer, and an ORDER BY in a subquery decides. So features that are joined by one and checked by the other differ where
# events share a time. And pandas pairs a missing key with a missing key (by=), as SQL and polars do not.
#
# Seen with duckdb 2.0.1, pandas 2.3.3 and polars 2.1.0 on Python 3.11:
#   three rows at one time: DuckDB 1, pandas 3, polars 3; written the other way round: DuckDB 3, pandas 1, polars 1
#   a missing key: DuckDB none, pandas 2, polars none
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile duckdb==2.0.1 pandas==2.3.3 polars==2.1.0 numpy==2.4.6
cat > compare.py <<'PY'
import sys

import duckdb
import pandas as pd
import polars as pl


def joined(left, right):
    """The value that each library joins to the last row of left, all columns of which are k, t (and v)."""
    connection = duckdb.connect()
    for name, rows, columns in (("l", left, "k INT, t INT"), ("r", right, "k INT, t INT, v INT")):
        connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    query = "SELECT v FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.t >= r.t ORDER BY l.k NULLS LAST"
    duck = connection.execute(query).fetchall()[-1][0]
    frames = [pd.DataFrame(rows, columns=list("ktv")[: len(rows[0])]) for rows in (left, right)]
    pandas = pd.merge_asof(*frames, on="t", by="k")["v"].iloc[-1]
    one, two = (pl.DataFrame(rows, schema=list("ktv")[: len(rows[0])], orient="row") for rows in (left, right))
    polars = one.join_asof(two, on="t", by="k")["v"][-1]
    return [None if pd.isna(value) else int(value) for value in (duck, pandas, polars)]


equals = [(1, 3, 1), (1, 3, 2), (1, 3, 3)]
seen = [
    joined([(1, 5)], equals),
    joined([(1, 5)], equals[::-1]),
    joined([(1, 5), (None, 5)], [(1, 3, 1), (None, 3, 2)]),
]
print("three rows at one time, the other way round, a missing key (DuckDB, pandas, polars):", *seen)
sys.exit(0 if seen == [[1, 3, 3], [3, 1, 1], [None, 2, None]] else 1)
PY
env/bin/python -W ignore compare.py
