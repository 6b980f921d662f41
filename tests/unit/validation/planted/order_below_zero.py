"""A window ordered by a bigint."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table(
        "clicks", database="db", ip=t.Int, app=t.String, city=t.String, n=t.BigInt, day=t.Date, ts=t.Timestamp
    )
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
        SELECT ip, count(ip) OVER w AS c
        FROM clicks
        WINDOW w AS (
            PARTITION BY ip
            ORDER BY n  -- <- DSF158
            ROWS BETWEEN 9 PRECEDING AND CURRENT ROW
        )
        """,
    )
    clicks.create() >> view.deploy(range_bias="inf", rows_bias="inf")
