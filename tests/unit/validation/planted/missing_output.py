"""Outputs that the script does not give, or gives under another name."""

from dsflow import Python, Shell, Workflow


def count():
    if 1 > 2:
        return {"rows": 1, "files": 1}
    return {"row": 2, "files": 1}  # <- DSF303


with Workflow("w", project="p") as wf:
    train = Python(
        "train",
        """
        print('${setValue(ouc=0.8)}')  # <- DSF304
        """,
        outputs={
            "auc": float,  # <- DSF303
        },
    )
    counted = Python("count", count, outputs={"rows": int, "files": int})
    read = Shell("read", "echo ${auc} ${rows} ${files}")
    train >> counted >> read
