"""Rows are loaded first into a table that is made elsewhere, and the deployment's index is then built over them."""

from dsflow import FeatureView, Index, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, seen=t.Timestamp)  # <- DSF111
    users = Table("users", database="db", id=t.Int, seen=t.Timestamp, indexes=[Index("id", ts="seen")])
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT ip, count(ip) OVER w AS n, users.seen AS changed
            FROM clicks
            LAST JOIN (SELECT * FROM users WHERE NOT isnull(id)) AS users ORDER BY users.seen ON clicks.ip = users.id
            WINDOW w AS (PARTITION BY clicks.ip, clicks.app ORDER BY clicks.seen
                ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    deploy = view.deploy(range_bias="inf")
    clicks.load_online("/data/clicks.csv") >> deploy
    users.create() >> users.load_online("/data/users.csv") >> deploy
