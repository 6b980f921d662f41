"""A task's own parameter that hides the workflow's."""

from dsflow import Shell, Workflow

with Workflow("w", project="p", params={"data": "/data"}) as wf:
    first = Shell("first", "ls ${data}")
    second = Shell("second", "ls ${data}", params={"data": "/other"})  # <- DSF206
    first >> second
