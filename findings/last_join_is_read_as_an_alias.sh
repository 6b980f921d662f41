#!/usr/bin/env bash
# OpenMLDB's LAST JOIN keeps every row of the left table once, with one row of the right or NULLs. Elsewhere LAST is no
# word of the language, so that "a LAST JOIN b" is read as "a AS LAST JOIN b": DuckDB and SQLite run it, an inner join,
# which repeats rows and drops those without a match, and sqlglot, in all of the dialects tried, rewrites it so without
# a word. DuckDB says something only where a column of a is called by that name (a.k), or the join has an ORDER BY.
#
# Seen with duckdb 2.0.1, sqlglot 30.30.0 and Python 3.11's SQLite:
#   DuckDB [(1, 10), (1, 11)], SQLite [(1, 10), (1, 11)]; of LAST JOIN one row for 1, one for 2
#   sqlglot SELECT k, v FROM a AS LAST JOIN b ON k = id
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile duckdb==2.0.1 sqlglot==30.30.0
cat > compare.py <<'PY'
import sqlite3
import sys

import duckdb
import sqlglot

tables = [
    "CREATE TABLE a (k INT)",
    "CREATE TABLE b (id INT, v INT)",
    "INSERT INTO a VALUES (1), (2)",
    "INSERT INTO b VALUES (1, 10), (1, 11)",
]
query = "SELECT k, v FROM a LAST JOIN b ON k = id"
answers = {}
for name, connection in (("DuckDB", duckdb.connect()), ("SQLite", sqlite3.connect(":memory:"))):
    for statement in tables:
        connection.execute(statement)
    answers[name] = sorted(connection.execute(query).fetchall())
read = {sqlglot.transpile(query, read=dialect)[0] for dialect in (None, "duckdb", "spark", "mysql", "postgres")}
print(answers, *read)
inner = [(1, 10), (1, 11)]
as_alias = read == {"SELECT k, v FROM a AS LAST JOIN b ON k = id"}
sys.exit(0 if answers == {"DuckDB": inner, "SQLite": inner} and as_alias else 1)
PY
env/bin/python compare.py
