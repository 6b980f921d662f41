"""Two extractions into one folder."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int)
    ips = FeatureView("ips", source=clicks, sql="SELECT ip FROM clicks")
    apps = FeatureView("apps", source=clicks, sql="SELECT app FROM clicks")
    load = clicks.load_offline("/data/clicks.csv")
    one = ips.extract("/data/features")
    two = apps.extract("/data/features")  # <- DSF403
    clicks.create() >> load >> [one, two]
