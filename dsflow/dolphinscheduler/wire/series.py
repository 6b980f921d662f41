"""What differs between the release series of DolphinScheduler, as far as dsflow needs to know.

A series is one module beside this one, which says its :class:`Series`; :mod:`dsflow.dolphinscheduler.wire.known` lists
them. Code asks for what it needs to know and never for a number.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsflow.dolphinscheduler.wire.words import Words


@dataclass(frozen=True)
class Series:
    """One release series.

    Attributes:
        version: its first two numbers.
        words: what it calls things.
        workflows: the path of a project's workflows, below the project's.
        runs: that of their runs.
        start: that by which a run is started, below ``executors``.
        runs_of: the parameter by which the runs of one workflow are asked for.
        masters: the path of its masters in the monitor. The newest series whose path answers is that of the server.
        workers: that of its workers.
        client: the series of ``apache-dolphinscheduler`` that goes with it.
        python_variable: the worker's variable that names the Python of PYTHON and OPENMLDB tasks.
        user_has_tenant: a workflow runs as its user's tenant; otherwise starts and schedules name one.
        has_cache: a task's result may be kept (``isCache``).
        has_http_body: HTTP tasks have a body of their own.
        has_v2: workflows without tasks are made and renamed by ``/v2/workflows``.
        needs_task: a workflow without tasks is refused.
        has_export: workflows are exported and imported as files by the server itself.
        has_udfs: it keeps UDFs.
        files_by_id: files of the resource centre are known by ids; otherwise by their place in the store.
        all_tasks_code: what a DEPENDENT task names when it waits for all tasks of a workflow.
        cuts_outputs: it does not read all of a script's outputs: see :mod:`dsflow.outputs` and
            :mod:`dsflow.worker.lingering`.
        tells_version: it answers its version over REST.
        tells_trigger: a start answers something by which its runs are found.
        tells_runs: a start answers the ids of the runs that it made.
        types_start: the values of a start have types.
        fills_declared: an output reaches only the tasks for which a parameter of its name is declared.
        keeps_dates: a backfill's list of dates is run in its order.
        deals_by_length: a parallel backfill's number is that of the dates of a chain, and not that of the chains.
        forgets_start_values: a run that is resumed or recovered has the parameters' defaults again.
        experimental: dsflow was never run on a released server of it.
        lacks: types of tasks that the series before it has and it has not.
    """

    version: tuple[int, int]
    words: Words
    workflows: str
    runs: str
    start: str
    runs_of: str
    masters: str
    workers: str
    client: str
    python_variable: str
    user_has_tenant: bool
    has_cache: bool
    has_http_body: bool
    has_v2: bool
    needs_task: bool
    has_export: bool
    has_udfs: bool
    files_by_id: bool
    all_tasks_code: int
    cuts_outputs: bool
    tells_version: bool
    tells_trigger: bool
    tells_runs: bool
    types_start: bool
    fills_declared: bool
    keeps_dates: bool
    forgets_start_values: bool
    deals_by_length: bool = False
    experimental: bool = False
    lacks: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"
