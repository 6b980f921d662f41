"""A parameter, and an output, that nothing reads."""

from dsflow import Python, Workflow

with Workflow(
    "w",
    project="p",
    params={
        "data": "/data",
        "limit": 3,  # <- DSF204
    },
) as wf:
    Python(
        "count",
        """
        print("${data}")
        print("$" + "{setValue(rows=3)}")
        """,
        outputs={"rows": int},  # <- DSF205
    )
