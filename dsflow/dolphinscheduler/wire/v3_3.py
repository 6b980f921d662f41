"""DolphinScheduler 3.3 and later, as far as its files go: dsflow reads those, and speaks to no server of it."""

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
