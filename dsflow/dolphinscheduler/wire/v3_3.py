"""DolphinScheduler 3.3: a process is a workflow in its words, but for the values of enumerations.

A released server was never at hand: what is said here was read in the released classes of 3.4, and run on a
development tree of January 2025, which had its names already. Batch export and import, ``/v2`` and UDFs were there and
are gone in 3.4: dsflow uses none of them from 3.3 on.
"""

from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import EDGES, TASKS, WORKFLOW, Words

WORDS = Words(
    fields=(
        (WORKFLOW, "workflowDefinition"),
        (EDGES, "workflowTaskRelationList"),
        (TASKS, "taskDefinitionList"),
        ("workflowCode", "workflowDefinitionCode"),
        ("workflowVersion", "workflowDefinitionVersion"),
        ("workflowName", "workflowDefinitionName"),
        ("runPriority", "workflowInstancePriority"),
        ("runId", "workflowInstanceId"),
    ),
    types=(("SUB_PROCESS", "SUB_WORKFLOW"),),
)

SERIES = Series(
    version=(3, 3),
    words=WORDS,
    workflows="workflow-definition",
    runs="workflow-instances",
    start="start-workflow-instance",
    runs_of="workflowDefinitionCode",
    masters="/monitor/MASTER",
    workers="/monitor/WORKER",
    client="4.1",
    python_variable="PYTHON_LAUNCHER",
    user_has_tenant=False,
    has_cache=False,
    has_http_body=True,
    has_v2=False,
    needs_task=True,
    has_export=False,
    has_udfs=False,
    files_by_id=False,
    all_tasks_code=-1,
    cuts_outputs=False,
    tells_version=True,
    tells_trigger=False,
    tells_runs=True,
    types_start=True,
    fills_declared=True,
    keeps_dates=True,
    forgets_start_values=False,
    deals_by_length=True,
    experimental=True,
    lacks=frozenset({"DATA_QUALITY", "DYNAMIC", "PIGEON"}),
)
