"""A SELECT whose result nobody sees."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = clicks.load_offline("/data/clicks.csv")
    look = OpenMLDB("look", "USE db; SELECT ip FROM clicks")  # <- DSF110
    clicks.create() >> load >> look
