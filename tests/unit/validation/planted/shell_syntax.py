"""An if without its fi."""

from dsflow import Shell, Workflow

with Workflow("w", project="p") as wf:
    Shell(
        "check",
        """
        for f in *.csv; do
            echo $f
        fi  # <- DSF302
        """,
    )
