"""A LEFT JOIN."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table(
        "clicks", database="db", ip=t.Int, app=t.String, city=t.String, n=t.BigInt, day=t.Date, ts=t.Timestamp
    )
    users = Table("users", database="db", id=t.Int, name=t.String, town=t.String, age=t.Int, since=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
        SELECT ip, count(ip) OVER w AS n
        FROM clicks
        LEFT JOIN users  -- <- DSF161
            ON clicks.ip = users.id
        WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)
        """,
    )
    creates = [clicks.create(), users.create()]
    deploy = view.deploy(range_bias="inf", rows_bias="inf")
    creates[0] >> deploy
    creates[1] >> deploy
