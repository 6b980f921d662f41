#!/usr/bin/env bash
# A SQL task of DolphinScheduler needs to know whether its statement is a query, which hands on rows, or a change.
# pydolphinscheduler finds out by a pattern that sees the first line alone, and in it any word that is followed by a
# blank: an INSERT below a comment or a line end is sent as a query (sqlType 0), and so are REPLACE INTO and LOAD DATA;
# a SELECT whose comment or text says "to create features" as a change (sqlType 1). sql_type= in the task overrules it.
#
# Seen with apache-dolphinscheduler 4.1.0 on Python 3.11; no server is asked. What is printed is the type and the text:
#   1 'INSERT INTO t SELECT * FROM u'
#   0 '-- rows of the day\nINSERT INTO t SELECT * FROM u'
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile apache-dolphinscheduler==4.1.0
cat > ask.py <<'PY'
import sys
from unittest import mock

from pydolphinscheduler.tasks.sql import Sql

expected = {
    "SELECT * FROM t": "0",
    "INSERT INTO t SELECT * FROM u": "1",
    "-- rows of the day\nINSERT INTO t SELECT * FROM u": "0",
    "\nDELETE FROM t WHERE k = 1": "0",
    "REPLACE INTO t VALUES (1)": "0",
    "SELECT a FROM t -- to create features": "1",
    "SELECT a FROM t WHERE what = 'user update failed'": "1",
}
seen = {}
# a task asks the server for its number as it is made
with mock.patch("pydolphinscheduler.core.task.Task.gen_code_and_version", return_value=(1, 1)):
    for text in expected:
        seen[text] = Sql("task", "source", text).sql_type
        print(seen[text], repr(text))
sys.exit(0 if seen == expected else 1)
PY
env/bin/python -W ignore ask.py 2>said || { tail said; exit 1; }
