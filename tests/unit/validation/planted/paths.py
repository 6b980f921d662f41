"""Paths that mean something else than it seems, or nothing."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"data": "clicks.csv"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        """
        USE db;
        LOAD DATA INFILE '${data}' INTO TABLE clicks OPTIONS(mode='overwrite');  -- <- DSF129
        LOAD DATA INFILE '~/clicks.csv' INTO TABLE clicks OPTIONS(mode='overwrite');  -- <- DSF129
        LOAD DATA INFILE 'hfds://data/clicks' INTO TABLE clicks OPTIONS(mode='overwrite');  -- <- DSF129
        LOAD DATA INFILE '/data/clicks.parquet' INTO TABLE clicks OPTIONS(mode='overwrite');  -- <- DSF129
        LOAD DATA INFILE '/data/clicks' INTO TABLE clicks OPTIONS(mode='overwrite');
        """,
    )
    write = OpenMLDB(
        "write",
        """
        USE db;
        SELECT ip FROM clicks INTO OUTFILE '' OPTIONS(mode='overwrite');  -- <- DSF129
        SELECT ip FROM clicks INTO OUTFILE '/data/part-*' OPTIONS(mode='overwrite');  -- <- DSF129
        SELECT ip FROM clicks INTO OUTFILE 'file:///data/clicks/' OPTIONS(mode='overwrite');  -- <- DSF129
        """,
    )
    clicks.create() >> load >> write
