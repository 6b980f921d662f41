"""The thirtieth of February."""

from dsflow import Shell, Workflow

with Workflow("w", project="p", schedule="0 0 3 30 2 ?") as wf:  # <- DSF401
    Shell("hello", "echo hello")
