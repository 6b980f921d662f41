"""DolphinScheduler 3.1 does not fill system parameters in an OPENMLDB task."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        [
            "USE db",
            "LOAD DATA INFILE '/data/${system.biz.date}.csv'"  # <- DSF208
            " INTO TABLE clicks OPTIONS(mode='overwrite')",
        ],
    )
    clicks.create() >> load
