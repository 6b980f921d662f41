"""Every OPENMLDB task is a session of its own: the USE of another task does not count."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        "LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite')",  # <- DSF105
    )
    clicks.create() >> load
