"""What raw tasks and strict=False let through."""

from dsflow import RawTask, Shell, Switch, Workflow

with Workflow("planted", project="p", params={"n": 1}, strict=False) as wf:
    many = Shell("many", "true")
    few = Shell("few", "true")
    blank = Shell("with  blanks", "true")  # <- DSF409
    Switch("same", {wf.params.n > 1: few}, otherwise=few)  # <- DSF408
    raw = RawTask(  # <- DSF408 DSF408
        "raw",
        "SWITCH",
        {"switchResult": {"dependTaskList": [{"condition": "${n} > 1", "nextNode": "many"}]}},
    )
    alone = RawTask("alone", "CONDITIONS", {"dependence": {"relation": "AND"}})  # <- DSF408 DSF408
    RawTask("itself", "SUB_PROCESS", {"processDefinitionCode": "planted"})  # <- DSF408
