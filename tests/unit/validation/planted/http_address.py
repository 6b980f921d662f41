"""An address without http://."""

from dsflow import Http, Workflow

with Workflow("w", project="p", params={"server": "127.0.0.1:8881"}) as wf:
    Http("ping", "GET", wf.params.server / "health")  # <- DSF405
