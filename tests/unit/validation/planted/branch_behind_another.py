"""A branch that follows another task too."""

from dsflow import Shell, Switch, Workflow

with Workflow("w", project="p", params={"n": 1}) as wf:
    load = Shell("load", "true")
    train = Shell("train", "true")  # <- DSF407
    stop = Shell("stop", "true")
    small = Switch("small", {wf.params.n < 2: train}, otherwise=stop)
    load >> train
