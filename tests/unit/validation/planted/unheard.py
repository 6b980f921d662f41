"""Warnings of a workflow that names no alert group."""

from dsflow import Shell, Workflow

with Workflow(
    "w",
    project="p",
    warning_type="FAILURE",  # <- DSF416
) as wf:
    Shell(
        "hello",
        "echo hello",
        timeout=5,
        timeout_strategy="WARN",  # <- DSF416
    )
