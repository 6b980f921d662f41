"""CREATE TABLE and INSERT by hand, with columns that are not there."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB(
        "create",
        """
        CREATE DATABASE IF NOT EXISTS db;
        USE db;
        CREATE TABLE IF NOT EXISTS clicks (
            ip int,
            at_ms string,
            seen timestamp,
            INDEX(KEY=ipp, TS=seen),  -- <- DSF128
            INDEX(KEY=ip, TS=at_ms)  -- <- DSF128
        );
        INSERT OR IGNORE INTO clicks (ip, sen) VALUES  -- <- DSF128
            (1, 1000),
            (2, 2000, 3000);  -- <- DSF128
        """,
        "online",
    )
