"""Quartz passes over the step, and over the second day of a list with W."""

from dsflow import Schedule, Shell, Workflow

with Workflow(
    "planted",
    project="p",
    schedule=Schedule("0 0 3 ? JAN/2 MON-FRI/2"),  # <- DSF406 DSF406
):
    Shell("a", "true")
