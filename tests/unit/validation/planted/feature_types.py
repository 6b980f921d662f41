"""A text cannot go into the model behind the prediction server."""

from dsflow import FeatureView, Http, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, city=t.String, bought=t.Int)
    view = FeatureView(
        "view",
        source=clicks,
        label="bought",
        sql="""
            SELECT bought, ip,
                city  -- <- DSF142
            FROM clicks
        """,
    )
    update = Http(
        "update",
        "POST",
        "http://127.0.0.1:8881/update",
        json={"database": "db", "deployment": view.deployment(), "model_path": "/models/m.json"},
    )
    clicks.create() >> view.deploy() >> update
