"""A module in place of ``sql_router_sdk`` whose functions do what the text of the query says."""

from __future__ import annotations

from pathlib import Path

from dsflow.openmldb.sdk import Sdk

_MODULE = """
import os, signal, sys, time
print("native chatter")  # must not get between the answers
kTypeBool, kTypeInt16, kTypeInt32, kTypeInt64, kTypeFloat, kTypeDouble = range(6)
kTypeString, kTypeDate, kTypeTimestamp = range(6, 9)
class ColumnDescPair:
    def __init__(self, *a): self.a = a
    def __len__(self): raise TypeError("taken for a sequence")
class TableColumnDescPair(ColumnDescPair): pass
class DBTableColumnDescPair(ColumnDescPair): pass
class ColumnDescVector(list): pass
class TableColumnDescPairVector(list): pass
class DBTableColumnDescPairVector(list): pass
def ValidateSQLInBatch(sql, db, tables):
    if sql == "crash":
        print("about to fall", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if sql == "hang": time.sleep(60)
    if sql == "raise": raise ValueError("no such thing")
    if sql == "syntax": return ["Syntax error: here [at 2:7]\\nline\\n  ^", ""]
    return [] if sql.startswith("ok") else ["refused", str(os.getpid())]
"""


def fake_sdk(folder: Path, module: str = _MODULE) -> Sdk:
    """A folder that holds it."""
    (folder / "sql_router_sdk.py").write_text(module)
    (folder / "_sql_router_sdk.so").write_bytes(b"")
    return Sdk(folder)
