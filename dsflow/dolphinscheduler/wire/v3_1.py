"""DolphinScheduler 3.1."""

from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import EDGES, TASKS, WORKFLOW, Words

WORDS = Words(
    fields=(
        (WORKFLOW, "processDefinition"),
        (EDGES, "processTaskRelationList"),
        (TASKS, "taskDefinitionList"),
        ("workflowCode", "processDefinitionCode"),
        ("workflowVersion", "processDefinitionVersion"),
        ("workflowName", "processDefinitionName"),
        ("runPriority", "processInstancePriority"),
        ("runId", "processInstanceId"),
    ),
)

SERIES = Series(
    version=(3, 1),
    words=WORDS,
    workflows="process-definition",
    runs="process-instances",
    start="start-process-instance",
    runs_of="processDefineCode",
    masters="/monitor/masters",
    workers="/monitor/workers",
    client="4.0",
    python_variable="PYTHON_HOME",
    user_has_tenant=True,
    has_cache=False,
    has_http_body=False,
    has_v2=False,
    needs_task=False,
    has_export=True,
    has_udfs=True,
    files_by_id=True,
    all_tasks_code=0,
    cuts_outputs=True,
    tells_version=False,
    tells_trigger=False,
    tells_runs=False,
    types_start=False,
    fills_declared=False,
    keeps_dates=False,
    forgets_start_values=True,
)
