"""A window function that depends on the order of rows of the same time."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table(
        "clicks", database="db", ip=t.Int, app=t.String, city=t.String, n=t.BigInt, day=t.Date, ts=t.Timestamp
    )
    other = Table("other", database="db", ip=t.Int, app=t.String, n=t.BigInt, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
        SELECT ip, count(ip) OVER w AS c,
            lag(app, 1) OVER v AS before  -- <- DSF157
        FROM clicks
        WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW),
               v AS (PARTITION BY app ORDER BY ts ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)
        """,
    )
    united = FeatureView(
        "united",
        source=other,
        sql="""
        SELECT ip, last_value(n) OVER w AS last_n  -- <- DSF157
        FROM other
        WINDOW w AS (
            UNION (
                SELECT ip, app, count(n) OVER own AS n, ts FROM clicks
                WINDOW own AS (PARTITION BY app ORDER BY ts ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)
            )
            PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 3h PRECEDING AND CURRENT ROW)
        """,
    )
    (
        clicks.create()
        >> other.create()
        >> view.deploy(range_bias="inf", rows_bias="inf")
        >> united.deploy(range_bias="inf", rows_bias="inf")
    )
