"""Results that say not whether they are NULL."""

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
            add_months(day, 1) AS later,  -- <- DSF154
            lcase(app) AS app,  -- <- DSF154
            CASE WHEN city = '' THEN '' ELSE ucase(city) END AS city
        FROM clicks
        """,
    )
    clicks.create() >> view.deploy(range_bias="inf", rows_bias="inf")
