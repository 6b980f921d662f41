#!/usr/bin/env bash
# OpenMLDB 0.9.2's compiler takes count(*) and count(column), and refuses count(1) and sum(1): any aggregate of a constant
# alone, over a table, a group or a window. What it says of it is "Illegal while condition". Elsewhere in SQL count(1)
# and count(*) are one.
#
# Seen with the Python package openmldb 0.9.2 (its compiler is in native/sql_router_sdk) on Python 3.11, Linux x86-64.
# Needs Python 3.8 or later with pip; the package is some 100 MB.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --no-deps --target "$folder" openmldb==0.9.2 >/dev/null 2>&1

cat > "$folder/ask.py" <<'PYTHON'
import sql_router_sdk as sdk

for pair in (sdk.ColumnDescPair, sdk.TableColumnDescPair, sdk.DBTableColumnDescPair):
    for name in ("__getitem__", "__setitem__", "__len__", "__repr__"):  # else SWIG takes a pair for a sequence
        if name in pair.__dict__:
            delattr(pair, name)
columns, tables, databases = sdk.ColumnDescVector(), sdk.TableColumnDescPairVector(), sdk.DBTableColumnDescPairVector()
columns.append(sdk.ColumnDescPair("k", sdk.kTypeInt32))
columns.append(sdk.ColumnDescPair("ts", sdk.kTypeTimestamp))
tables.append(sdk.TableColumnDescPair("t", columns))
databases.append(sdk.DBTableColumnDescPair("db", tables))
window = "WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)"
for sql in (
    "SELECT count(*) AS n FROM t",
    "SELECT count(k) AS n FROM t",
    "SELECT count(1) AS n FROM t",
    "SELECT k, count(1) AS n FROM t GROUP BY k",
    f"SELECT count(1) OVER w AS n FROM t {window}",
    f"SELECT sum(1) OVER w AS n FROM t {window}",
):
    refusal = list(sdk.ValidateSQLInBatch(sql, "db", databases))
    print("answer:", refusal[0].splitlines()[0] if refusal else "taken")
PYTHON
found=$(cd "$folder" && PYTHONPATH="$folder/openmldb/native" python3 ask.py 2>/dev/null | grep '^answer: ')
echo "$found"
[ "$found" = "$(printf 'answer: taken\n%.0s' 1 2; printf 'answer: Illegal while condition\n%.0s' 1 2 3 4)" ]
echo "as described"
