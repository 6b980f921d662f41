"""Values that hold themselves."""

from dsflow import Shell, Workflow

with Workflow("w", project="p", params={"root": "/data", "day": "$[yyyyMMdd]"}) as wf:
    first = Shell("first", "ls ${root}", params={"root": wf.params.root})  # <- DSF210
    second = Shell("second", "ls ${folder} ${day}", params={"folder": "${root}/x"})
    first >> second
