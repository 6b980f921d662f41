"""DEPLOY in an offline task."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    deploy = OpenMLDB(
        "deploy",
        ["USE db", "DROP DEPLOYMENT IF EXISTS d", "DEPLOY d SELECT ip FROM clicks"],  # <- DSF122
    )
    clicks.create() >> deploy
