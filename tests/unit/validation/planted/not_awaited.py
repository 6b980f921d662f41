"""An online load returns before the rows are there."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"data": "/data/clicks.csv"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load online",
        [
            "USE db",
            "TRUNCATE TABLE clicks",
            f"LOAD DATA INFILE '{wf.params.data}' INTO TABLE clicks OPTIONS(mode='append')",  # <- DSF125
        ],
        "online",
    )
    clicks.create() >> load
