"""A script that Python does not read."""

from dsflow import Python, Workflow

with Workflow("w", project="p") as wf:
    Python(
        "train",
        """
        def train():
            return (1, 2  # <- DSF301

        train()
        """,
    )
