"""Features are extracted from offline rows, and only online rows are loaded."""

from dsflow import FeatureView, OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT ip
            FROM clicks  -- <- DSF135
        """,
    )
    users = Table("users", database="db", id=t.Int)
    insert = OpenMLDB("insert", ["USE db", "INSERT OR IGNORE INTO users VALUES (1)"], "online")
    export = OpenMLDB(
        "export",
        ["USE db", "SELECT id FROM users INTO OUTFILE '/data/users' OPTIONS(mode='overwrite')"],  # <- DSF135
    )
    clicks.create() >> clicks.load_online("/data/clicks.csv") >> view.extract("/data/features")
    users.create() >> insert >> export
