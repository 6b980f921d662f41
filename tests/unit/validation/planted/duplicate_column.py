"""Two columns of one name: OpenMLDB takes them, a model does not."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, ts=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT hour(ts) AS part,
                day(ts) AS part  -- <- DSF106
            FROM clicks
        """,
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
