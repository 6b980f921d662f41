"""A task that does not run, and another that reads its output."""

from dsflow import Shell, Workflow

with Workflow("w", project="p") as wf:
    count = Shell(
        "count",
        "echo '${setValue(rows=3)}'",
        outputs={"rows": int},
        enabled=False,  # <- DSF404
    )
    count >> Shell("read", "echo ${rows}")
