"""Values that hold one another."""

from dsflow import Shell, Workflow

with Workflow(
    "w",
    project="p",
    params={
        "a": "${b}/x",  # <- DSF210
        "b": "${a}/y",  # <- DSF210
    },
) as wf:
    Shell("first", "ls ${a}")
