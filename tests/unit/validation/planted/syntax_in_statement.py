"""LOAD DATA without INFILE, in the second statement of a task."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB(
        "load",
        """
        USE db;
        LOAD DATA '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite');  -- <- DSF101
        """,
    )
