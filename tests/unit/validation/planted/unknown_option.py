"""An option misspelt, and a flag in quotes."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        """
        USE db;
        LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(
            mode='overwrite',
            delimeter='|',  -- <- DSF120
            header='true'  -- <- DSF120
        );
        """,
    )
    clicks.create() >> load
