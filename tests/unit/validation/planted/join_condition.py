"""The offline engine refuses NOT in the condition of a join."""

from dsflow import OpenMLDB, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", user=t.Int, ts=t.Timestamp)
    users = Table("users", database="db", id=t.Int, age=t.Int, changed=t.Timestamp)
    loads = [clicks.load_offline("/data/clicks.csv"), users.load_offline("/data/users.csv")]
    joined = OpenMLDB(
        "joined",
        """
        USE db;
        SELECT user, age FROM clicks LAST JOIN users ORDER BY users.changed
            ON clicks.user = users.id AND NOT isnull(users.id)  -- <- DSF134
        INTO OUTFILE '/data/joined' OPTIONS(mode='overwrite');
        """,
    )
    clicks.create() >> loads[0] >> joined
    users.create() >> loads[1] >> joined
