"""A date of a number."""

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
        SELECT ip,
            date(timestamp(n)) AS d  -- <- DSF159
        FROM clicks
        """,
    )
    clicks.create() >> view.deploy(range_bias="inf", rows_bias="inf")
