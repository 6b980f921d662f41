"""What the page does not save: an address that begins with a parameter, an empty parameter, a raw dependence."""

from dsflow import Http, RawTask, Workflow

with Workflow(
    "w",
    project="p",
    params={
        "server": "http://127.0.0.1:8881",
        "suffix": "",  # <- DSF415
    },
) as wf:
    Http("ping", "GET", wf.params.server / "health", query={"suffix": wf.params.suffix})  # <- DSF415
    Http("fine", "GET", "http://127.0.0.1:8881/health")
    groups = [{"relation": "AND", "dependItemList": [{"projectCode": "p", "definitionCode": "other"}]}]
    RawTask("wait", "DEPENDENT", {"dependence": {"relation": "AND", "dependTaskList": groups}})  # <- DSF415
