"""Second and minute left out of mind: a run every second."""

from dsflow import Schedule, Shell, Workflow

with Workflow(
    "w",
    project="p",
    schedule=Schedule("* * 3 ? * MON-FRI"),  # <- DSF401
) as wf:
    Shell("hello", "echo hello")
