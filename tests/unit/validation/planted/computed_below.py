"""A subquery that computes, below a join."""

from dsflow import FeatureView, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table(
        "clicks", database="db", ip=t.Int, app=t.String, city=t.String, n=t.BigInt, day=t.Date, ts=t.Timestamp
    )
    users = Table("users", database="db", id=t.Int, name=t.String, town=t.String, age=t.Int, since=t.Timestamp)
    view = FeatureView(
        "view",
        source=clicks,
        sql="""
        SELECT ip, u.next
        FROM clicks
        LAST JOIN (
            SELECT id, since,
                age + 1 AS next  -- <- DSF162
            FROM users
        ) AS u ORDER BY u.since ON clicks.ip = u.id
        """,
    )
    creates = [clicks.create(), users.create(derive_indexes=False)]
    deploy = view.deploy(range_bias="inf", rows_bias="inf")
    creates[0] >> deploy
    creates[1] >> deploy
