"""What the compiler of workflows refuses is a finding too."""

from dsflow import Shell, Workflow

with Workflow("w", project="p") as wf:
    a, b = Shell("a", "true"), Shell("b", "true")
    a >> b
    b >> a  # <- DSF200
