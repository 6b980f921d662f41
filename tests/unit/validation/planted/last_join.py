"""LAST JOIN: which row, and what of NULL."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", user=t.Int, ts=t.Timestamp)
    users = Table("users", database="db", id=t.Int, age=t.Int, changed=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
            SELECT user, age
            FROM clicks
            LAST JOIN users  -- <- DSF130
            ON clicks.user = users.id  -- <- DSF131
        """,
    )
    loads = [clicks.load_offline("/data/clicks.csv"), users.load_offline("/data/users.csv")]
    creates = [clicks.create(), users.create()]
    extract = view.extract("/data/features")
    creates[0] >> loads[0] >> extract
    creates[1] >> loads[1] >> extract >> view.deploy()
