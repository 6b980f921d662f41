"""The prediction server is told of a deployment that nobody makes, with a key misspelt."""

from dsflow import FeatureView, Http, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    view = FeatureView("view", source=clicks, sql="SELECT ip FROM clicks")
    compared = Http(
        "compared",
        "POST",
        "http://127.0.0.1:8881/update",
        json={
            "database": "db",
            "deployment": view.deployment(),
            "model_path": "/models/m.json",
            "table": "click",  # <- DSF141
            "columns": "ip:0a1b2c3d,app:0a1b2c3d",  # <- DSF141
            "compare": "all",  # <- DSF141
        },
    )
    other = view.serve(
        "http://127.0.0.1:8881",
        model_path="/models/m.json",
        deployment="other",  # <- DSF141
    )
    update = Http(
        "update",
        "POST",
        "http://127.0.0.1:8881/update",
        json={
            "database": "db",
            "deployment": "view",  # <- DSF141
            "model_path": "/models/m.json",
            "modelpath": "/models/m.json",  # <- DSF141
        },
    )
    named = Http(
        "named",
        "POST",
        "http://127.0.0.1:8881/update/clicks",
        json={
            "database": "db",
            "deployment": view.deployment(),
            "model_path": "/models/m.json",
            "share": "0.5",  # <- DSF141
        },
    )
    shadow = Http(  # <- DSF141
        "shadow",
        "POST",
        "http://127.0.0.1:8881/shadow/clicks!",
        json={
            "database": "db",
            "deployment": "viev",  # <- DSF141
            "model_path": "/models/m.json",
            "share": "0.5",
        },
    )
    elsewhere = Http("elsewhere", "POST", "http://127.0.0.1:80/update/a/b", json={"deployment": "x"})
    clicks.create() >> view.deploy() >> update >> compared >> other >> named >> shadow >> elsewhere
