"""Offline, an aggregate needs a group or a window."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    total = OpenMLDB(
        "total",
        [
            "USE db",
            "SELECT sum(ip) * 2 AS n FROM clicks INTO OUTFILE '/data/s' OPTIONS(mode='overwrite')",  # <- DSF134
            "SELECT ip, n FROM clicks LAST JOIN (SELECT max(ip) AS n FROM clicks) q ORDER BY n ON ip = n"  # <- DSF134
            " INTO OUTFILE '/data/m' OPTIONS(mode='overwrite')",
            "SELECT count(ip) AS n FROM clicks INTO OUTFILE '/data/n' OPTIONS(mode='overwrite')",  # <- DSF134
        ],
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> total
