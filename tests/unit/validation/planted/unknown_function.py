"""COALESCE is no function of OpenMLDB 0.9; the text is an f-string of joined pieces."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

FOLDER = "/data"

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int)
    load = clicks.load_offline("/data/clicks.csv")
    export = OpenMLDB(
        "export",
        [
            "USE db",
            "SELECT ip, "
            "coalesce(app, 0) AS app "  # <- DSF102
            f"FROM clicks INTO OUTFILE '{FOLDER}/out' OPTIONS(mode='overwrite')",
        ],
    )
    clicks.create() >> load >> export
