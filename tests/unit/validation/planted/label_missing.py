"""The label is no column of the query."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, bought=t.Int)
    view = FeatureView(
        "view",
        source=clicks,
        label="buys",  # <- DSF106
        sql="SELECT ip, bought FROM clicks",
    )
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
