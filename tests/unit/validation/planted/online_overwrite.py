"""Online rows can only be appended."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load online",
        [
            "USE db",
            "SET @@sync_job=true",
            "LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite')",  # <- DSF121
        ],
        "online",
    )
    clicks.create() >> load
