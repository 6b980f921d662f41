"""Parquet is for offline jobs."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    export = OpenMLDB(
        "export",
        """
        USE db;
        SELECT ip FROM clicks INTO OUTFILE '/data/out' OPTIONS(
            mode='overwrite',
            format='parquet'  -- <- DSF122
        )
        """,
        mode="online",
    )
    clicks.create() >> export
