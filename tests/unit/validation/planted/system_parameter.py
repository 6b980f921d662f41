"""Built-in parameters that 3.1, or no version, fills where they stand."""

from dsflow import OpenMLDB, Shell, Table, Workflow
from dsflow import types as t

with Workflow(
    "w",
    project="p",
    params={
        "day": "${system.biz.date}",
        "path": "/data/${system.biz.date}",  # <- DSF208
    },
) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        [
            "USE db",
            "LOAD DATA INFILE '/data/${system.biz.date}.csv'"  # <- DSF208
            " INTO TABLE clicks OPTIONS(mode='overwrite')",
        ],
    )
    show = Shell("show", "echo ${system.project.name} ${day} ${path}")  # <- DSF208
    clicks.create() >> load >> show
