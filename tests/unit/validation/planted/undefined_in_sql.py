"""Placeholders misspelt in SQL and in JSON: each at its place."""

from dsflow import Http, OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"data": "/data/clicks.csv", "server": "127.0.0.1"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        """
        USE db;
        LOAD DATA INFILE '${dat}'  -- <- DSF201
            INTO TABLE clicks OPTIONS(mode='overwrite');
        """,
    )
    tell = Http(
        "tell",
        "POST",
        f"http://{wf.params.server}/done",
        json={
            "file": wf.params.data,
            "rows": "${rows}",  # <- DSF201
        },
    )
    clicks.create() >> load >> tell
