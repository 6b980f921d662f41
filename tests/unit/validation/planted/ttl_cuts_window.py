"""An index that keeps half an hour for a window of an hour."""

from dsflow import FeatureView, Index, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table(
        "clicks",
        database="db",
        ip=t.Int,
        ts=t.Timestamp,
        indexes=[
            Index("ip", ts="ts", ttl="30m"),  # <- DSF108
        ],
    )
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT ip, count(ip) OVER w AS n FROM clicks
            WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    clicks.create() >> view.deploy()
