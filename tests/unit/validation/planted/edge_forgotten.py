"""The training step starts beside the extraction that it reads, and the extraction beside the load."""

from dsflow import FeatureView, Python, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"features": "/data/features"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    view = FeatureView("view", source=clicks, sql="SELECT ip FROM clicks")
    create = clicks.create()
    load = clicks.load_offline("/data/clicks.csv")
    extract = view.extract(wf.params.features)  # <- DSF402
    train = Python("train", "print('${features}')")  # <- DSF402
    create >> load >> train
    create >> extract
