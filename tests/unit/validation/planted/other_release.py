"""OpenMLDB 0.9.3 refuses the same aggregate twice over one window."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
        SELECT ip,
               count_where(app, app > 1) OVER w AS n,
               avg_where(app, app > 1) OVER w / count_where(app, app > 1) OVER w AS share,  -- <- DSF113
               count_where(app, app > 2) OVER w AS more,
               count(app) OVER w + count(app) OVER w AS twice,
               count(*) OVER w AS rows1, count(*) OVER v AS rows2
        FROM clicks
        WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW),
               v AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    clicks.create() >> view.deploy("d", range_bias="inf", rows_bias="inf")
