#!/usr/bin/env bash
# OpenMLDB's compiler refuses an aggregate whose argument is a literal, and says "Illegal while condition": count(1), the
# usual way to count rows elsewhere, does not compile, over a window and with GROUP BY, in batch and in request mode.
# count(*) does, and so does an aggregate of a computed constant such as sum(1 + 1).
#
# Seen with the Python package openmldb 0.9.2, whose library holds the compiler, on Linux x86-64 with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --no-deps --target "$folder" openmldb==0.9.2

cat > "$folder/ask.py" <<'PY'
import sys

sys.path.insert(0, sys.argv[1] + "/openmldb/native")
import sql_router_sdk as sdk

for pair in (sdk.ColumnDescPair, sdk.TableColumnDescPair, sdk.DBTableColumnDescPair):
    for name in ("__getitem__", "__setitem__", "__len__", "__repr__"):
        if name in pair.__dict__:
            delattr(pair, name)
columns = sdk.ColumnDescVector()
for name, kind in (("k", sdk.kTypeString), ("o", sdk.kTypeTimestamp), ("v", sdk.kTypeInt32)):
    columns.append(sdk.ColumnDescPair(name, kind))
tables = sdk.TableColumnDescPairVector()
tables.append(sdk.TableColumnDescPair("t", columns))
databases = sdk.DBTableColumnDescPairVector()
databases.append(sdk.DBTableColumnDescPair("db", tables))
window = " OVER w AS a FROM t WINDOW w AS (PARTITION BY k ORDER BY o ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)"
for call in ("count(1)", "sum(1)", "max('a')", "count(*)", "sum(1 + 1)"):
    for ask in (sdk.ValidateSQLInRequest, sdk.ValidateSQLInBatch):
        found = list(ask("SELECT " + call + window, "db", databases))
        print(call, found[0].splitlines()[0].strip() if found else "taken")
found = list(sdk.ValidateSQLInBatch("SELECT k, count(1) AS a FROM t GROUP BY k", "db", databases))
print("GROUP BY", found[0].splitlines()[0].strip())
PY

said=$(python3 "$folder/ask.py" "$folder" 2>/dev/null)
echo "$said"
[ "$said" = "count(1) Illegal while condition
count(1) Illegal while condition
sum(1) Illegal while condition
sum(1) Illegal while condition
max('a') Illegal while condition
max('a') Illegal while condition
count(*) taken
count(*) taken
sum(1 + 1) taken
sum(1 + 1) taken
GROUP BY Illegal while condition" ]
echo "as described"
