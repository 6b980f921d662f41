"""A number and a text cannot be added."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"db": "db"}) as wf:
    users = Table("users", database=wf.params.db, id=t.Int, mail=t.String)
    view = FeatureView(
        "view",
        source=users,
        sql=f"""
            SELECT id, id + 1 AS next,
                id + mail AS both  -- <- DSF102
            FROM {wf.params.db}.users
        """,
    )
    users.create() >> users.load_offline("/data/users.csv") >> view.extract("/data/features")
