"""GROUP BY works in an offline job, not in a deployment."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int)
    deploy = OpenMLDB(
        "deploy",
        """
        USE db;
        DROP DEPLOYMENT IF EXISTS counts;
        DEPLOY counts SELECT ip, count(app) AS n FROM clicks
        GROUP BY ip;  -- <- DSF103
        """,
        "online",
    )
    clicks.create() >> deploy
