"""The table's name with a letter missing."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    view = FeatureView("view", source=clicks, sql="SELECT ip FROM clcks")  # <- DSF104
    clicks.create() >> clicks.load_offline("/data/clicks.csv") >> view.extract("/data/features")
