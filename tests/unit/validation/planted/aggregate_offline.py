"""Offline, an aggregate needs a group or a window."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    total = OpenMLDB(
        "total",
        [
            "USE db",
            "SELECT count(ip) AS n FROM clicks INTO OUTFILE '/data/n' OPTIONS(mode='overwrite')",  # <- DSF134
        ],
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> total
