"""A variable misspelt: OpenMLDB takes the SET and does nothing."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        [
            "USE db",
            "SET @@job_timeot=60000",  # <- DSF123
            "LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite')",
        ],
    )
    clicks.create() >> load
