"""Last year's rows loaded into an index that keeps an hour by the server's clock."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT ip, count(ip) OVER w AS n FROM clicks
            WINDOW w AS (PARTITION BY ip ORDER BY ts ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW)
        """,
    )
    deploy = view.deploy()  # <- DSF109
    clicks.create() >> deploy >> clicks.load_online("/data/last_year.csv")
