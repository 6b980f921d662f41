#!/usr/bin/env bash
# DuckDB's Python connection has query_progress(), which may be asked from another thread how far the running query is, in
# percent. It answers -1 ("unknown") all the time, without a word, unless the setting enable_progress_bar is on; its
# default is off where Python is no notebook. With enable_progress_bar on and enable_progress_bar_print off nothing is
# drawn, and the numbers come.
#
# Seen with duckdb 2.0.1 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import threading

import duckdb


def highest(*settings: str) -> float:
    """The highest answer while a query runs."""
    connection = duckdb.connect()
    for setting in settings:
        connection.execute(f"SET {setting}")
    seen, over = {-1.0}, threading.Event()

    def ask() -> None:
        while not over.wait(0.005):
            seen.add(connection.query_progress())

    asking = threading.Thread(target=ask)
    asking.start()
    connection.execute("CREATE TABLE t AS SELECT i, hash(i) AS h FROM range(8000000) r(i)")
    connection.execute("SELECT count(DISTINCT h) FROM t").fetchall()
    over.set()
    asking.join()
    return max(seen)


silent = highest()
counting = highest("enable_progress_bar = true", "enable_progress_bar_print = false")
print(f"as it comes: {silent:g}; with the bar enabled and not printed: {counting:.0f} %")
assert silent == -1 and counting > 0
PYTHON
echo "as described"
