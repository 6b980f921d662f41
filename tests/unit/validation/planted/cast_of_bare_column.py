"""A cast that Spark does offline and OpenMLDB online."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    users = Table("users", database="db", id=t.Int, age=t.String)
    view = FeatureView(
        "view",
        source=users,
        sql="""
            SELECT id,
                CAST(age AS int) AS age  -- <- DSF132
            FROM users
        """,
    )
    users.create() >> users.load_offline("/data/users.csv") >> view.extract("/data/features") >> view.deploy()
