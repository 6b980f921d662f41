"""Times that a version of DolphinScheduler does not know, or takes for one where none is meant."""

from dsflow import OpenMLDB, Param, Python, Shell, Table, Workflow
from dsflow import types as t

with Workflow(
    "w",
    project="p",
    params={
        "day": "$[yyyyMMdd-1]",
        "month": Param("$[month_first_day(yyyy-MM-dd,-1)]"),  # <- DSF209
    },
) as wf:
    clicks = Table("clicks", database="db", ip=t.Int)
    load = OpenMLDB(
        "load",
        [
            "USE db",
            "LOAD DATA INFILE '/data/$[add_months(yyyyMMdd,-1)-1].csv'"  # <- DSF209
            " INTO TABLE clicks OPTIONS(mode='overwrite')",
        ],
    )
    count = Shell(
        "count",
        """
        n=0
        for i in 1 2 3; do n=$[total+1]; done  # <- DSF209
        echo $n $[5] $[n+1] ${day} ${month}  # <- DSF209
        """,
    )
    report = Python(
        "report",
        """
        print("$[yyyy-MM-dd'T'HH] $[week_end(yyyyMMdd,1)]")
        print("$[*]")  # <- DSF209
        """,
        params={"week": "$[year_week(yyyyMMdd)]"},  # <- DSF209
    )
    clicks.create() >> load >> [count, report]
