"""An offline task that goes online half-way."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        [
            "USE db",
            "LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite')",
            "SET @@execute_mode='online'",  # <- DSF124
            "TRUNCATE TABLE clicks",
            "LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='append')",
        ],
    )
    clicks.create() >> load
