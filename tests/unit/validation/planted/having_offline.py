"""The offline engine ignores HAVING and DISTINCT."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int)
    load = clicks.load_offline("/data/clicks.csv")
    busy = OpenMLDB(
        "busy",
        """
        USE db;
        SELECT ip, count(app) AS n FROM clicks GROUP BY ip
        HAVING count(app) > 10  -- <- DSF133
        INTO OUTFILE '/data/busy' OPTIONS(mode='overwrite')
        """,
    )
    seen = OpenMLDB(
        "seen",
        ["USE db", "SELECT DISTINCT ip FROM clicks INTO OUTFILE '/data/seen' OPTIONS(mode='overwrite')"],  # <- DSF133
    )
    clicks.create() >> load >> [busy, seen]
