"""A keyword misspelt in the middle of a query."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp, y=t.Int)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT y, ip,
                count(ip) OVER w AS n
            FROM clicks
            WINDOW w AS (PARTITON BY ip ORDER BY ts  -- <- DSF101
                ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
