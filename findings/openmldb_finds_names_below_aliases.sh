#!/usr/bin/env bash
# OpenMLDB 0.9.2's compiler finds a column by the name of a table that an alias has replaced, and by the name that the
# column had below: of (SELECT k, i AS s FROM t) AS q it takes q.s, and t.i as well, but not q.i. So a subquery's inner
# alias can make an outer name ambiguous: "t.k" of t LAST JOIN (SELECT ... FROM (SELECT ... FROM u) AS t) AS q is refused
# once q has a column k. Standard SQL knows nothing but q's own columns outside of q.
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
tables, databases = sdk.TableColumnDescPairVector(), sdk.DBTableColumnDescPairVector()
for table in ("t", "u"):
    columns = sdk.ColumnDescVector()
    for column in ("k", "i"):
        columns.append(sdk.ColumnDescPair(column, sdk.kTypeInt32))
    tables.append(sdk.TableColumnDescPair(table, columns))
databases.append(sdk.DBTableColumnDescPair("db", tables))
for sql in (
    "SELECT q.s FROM (SELECT k, i AS s FROM t) AS q",
    "SELECT t.i FROM (SELECT k, i AS s FROM t) AS q",
    "SELECT q.i FROM (SELECT k, i AS s FROM t) AS q",
    "SELECT t.k, q.n FROM t LAST JOIN (SELECT k, i AS n FROM (SELECT * FROM u) AS a) AS q ON t.i = q.n",
    "SELECT t.k, q.n FROM t LAST JOIN (SELECT k, i AS n FROM (SELECT * FROM u) AS t) AS q ON t.i = q.n",
):
    refusal = list(sdk.ValidateSQLInBatch(sql, "db", databases))
    print("answer:", " ".join(refusal[0].split()[:2]) if refusal else "taken")
PYTHON
found=$(cd "$folder" && PYTHONPATH="$folder/openmldb/native" python3 ask.py 2>/dev/null | grep '^answer: ')
echo "$found"
[ "$found" = "$(printf 'answer: %s\n' taken taken 'Column Not' taken 'Ambiguous column')" ]
echo "as described"
