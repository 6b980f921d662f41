"""Steps that fail or double their rows the second time."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    create = OpenMLDB(
        "create",
        """
        CREATE DATABASE IF NOT EXISTS db;
        USE db;
        CREATE TABLE clicks (ip int, ts timestamp);  -- <- DSF126
        INSERT INTO clicks VALUES (1, 1000);  -- <- DSF126
        """,
        "online",
    )
    load = OpenMLDB(
        "load",
        "USE db; LOAD DATA INFILE '/data/clicks.csv' INTO TABLE clicks OPTIONS(mode='append')",  # <- DSF126
    )
    export = OpenMLDB(
        "export",
        "USE db; SELECT ip FROM clicks INTO OUTFILE '/data/out'",  # <- DSF126
    )
    deploy = OpenMLDB("deploy", "USE db; DEPLOY d SELECT ip FROM clicks", "online")  # <- DSF126
    again = OpenMLDB("again", "USE db; DEPLOY IF NOT EXISTS e SELECT ip FROM clicks", "online")  # <- DSF126
    copy = OpenMLDB(
        "copy",
        "USE db; SELECT ip FROM clicks INTO OUTFILE 'openmldb://db.ips' OPTIONS(mode='append')",  # <- DSF126
    )
    create >> load >> export >> deploy >> again >> copy
