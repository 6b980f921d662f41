"""DolphinScheduler 3.2, which calls things as 3.1 does."""

from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.v3_1 import WORDS

SERIES = Series(
    version=(3, 2),
    words=WORDS,
    workflows="process-definition",
    runs="process-instances",
    start="start-process-instance",
    runs_of="processDefineCode",
    masters="/monitor/MASTER",
    workers="/monitor/WORKER",
    client="4.1",
    python_variable="PYTHON_LAUNCHER",
    user_has_tenant=False,
    has_cache=True,
    has_http_body=True,
    has_v2=True,
    needs_task=False,
    has_export=True,
    has_udfs=True,
    files_by_id=False,
    all_tasks_code=-1,
    cuts_outputs=False,
    tells_version=False,
    tells_trigger=True,
    tells_runs=False,
    types_start=False,
    fills_declared=False,
    keeps_dates=True,
    forgets_start_values=False,
)
