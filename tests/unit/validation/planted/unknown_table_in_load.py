"""The table's name misspelt in a LOAD DATA."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        "USE db; LOAD DATA INFILE '/data/clicks.csv' INTO TABLE click OPTIONS(mode='overwrite')",  # <- DSF104
    )
    clicks.create() >> load
