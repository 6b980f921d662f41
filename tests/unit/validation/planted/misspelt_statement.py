"""Statements whose first words are OpenMLDB's, and the next are not."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB(
        "statements",
        """
        USE db;
        CREATE TABEL clicks (ip int);  -- <- DSF101
        UPDATE clicks SET ip = 1;  -- <- DSF101
        SHOWW JOBS;  -- <- DSF101
        """,
        "online",
    )
