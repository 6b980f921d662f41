"""Which column the window's index is on is known to nobody but the run."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"key": "ip"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql=f"""
            SELECT ip, count(ip) OVER w AS n FROM clicks
            WINDOW w AS (PARTITION BY {wf.params.key} ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    create = clicks.create()  # <- DSF112
    create >> view.deploy()
