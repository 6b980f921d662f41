"""A column that the table does not have."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT ip,
                count(aap) OVER w AS n  -- <- DSF102
            FROM clicks
            WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
