"""Commands about the runs of one workflow on a server: status, logs, stop, resume, recover, backfill and so on.

Without a number each of them means the newest run. Those that follow a run end with the codes of
:mod:`dsflow.cli.exits`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsflow.cli import exits
from dsflow.cli.following import (
    SERVER_TIMEOUT,
    Detach,
    Following,
    RunNumber,
    ServerTimeout,
    StopOnInterrupt,
    Tail,
    Timeout,
    again,
    check_report,
    follow,
    patience,
    readable,
    request_timeout,
    terminate_like_interrupt,
    write_page,
)
from dsflow.cli.options import PageFile, ProfileName, ReportFile, Set, parse_set, server_values, target, typed
from dsflow.declare.part import part_from, part_only
from dsflow.declare.tasks.base import Task
from dsflow.declare.workflow import Workflow
from dsflow.errors import RunError
from dsflow.report import FINAL_STATES, SUCCESS

if TYPE_CHECKING:
    from dsflow.definition import Definition
    from dsflow.dolphinscheduler.backfill import Backfill
    from dsflow.dolphinscheduler.operations import Operations
    from dsflow.dolphinscheduler.runs import Run
    from dsflow.dolphinscheduler.wire.rows import Instance

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class _There:
    """A workflow, and the connection to the server that runs it."""

    definition: Definition
    operations: Operations


@contextmanager
def _connected(workflow: Workflow, profile: str | None, server_timeout: float = SERVER_TIMEOUT) -> Iterator[_There]:
    from dsflow.dolphinscheduler.client import Server
    from dsflow.dolphinscheduler.operations import Operations

    place = target(workflow, profile)
    definition = workflow.definition(server_values(workflow, place, {}))
    with Server(place, timeout=request_timeout(server_timeout)) as server:
        yield _There(definition, Operations(server, definition.project, definition.name))


def run_there(
    workflow: Workflow,
    values: dict[str, str],
    following: Following,
    *,
    start_at: str | None = None,
    only: str | None = None,
) -> int:
    """Start the workflow, or a part of it, on its server and follow it; gives the exit code."""
    following.check()
    values = typed(workflow, values)
    with _connected(workflow, following.profile, following.server_timeout) as there:
        part = None
        if start_at is not None:
            part = partial(part_from, _task(workflow, start_at))
        elif only is not None:
            part = partial(part_only, _task(workflow, only))
        run = there.operations.start(there.definition, values, part=part)
        return follow(workflow, there.definition, there.operations, run, following)


def _task(workflow: Workflow, name: str) -> Task:
    if name not in workflow.tasks:
        raise RunError(f"workflow {workflow.name!r} has no task {name!r}", hint=f"it has: {', '.join(workflow.tasks)}")
    return workflow.tasks[name]


def status(
    workflow: Workflow,
    run: Annotated[int | None, typer.Argument(metavar="[RUN]", help="A run's number; the newest by default.")] = None,
    as_json: AsJson = False,
    report: ReportFile = None,
    html: PageFile = None,
    profile: ProfileName = None,
) -> None:
    """Say how a run stands. Exit code 0: SUCCESS, 1: FAILURE, 3: stopped or paused, 4: still going."""
    from dsflow.display.progress import run_summary

    check_report(report)
    check_report(html)
    with _connected(workflow, profile) as there:
        found = there.operations.pick(run)
        outcome = there.operations.server.report(found, there.definition)
    if report is not None:
        outcome.write(report)
    if html is not None:
        write_page(html, there.definition, readable(outcome))
    if as_json:
        print(json.dumps(outcome.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(f"run {found.instance}: {found.url}")
        print(run_summary(there.definition, readable(outcome)))
    raise typer.Exit(exits.of_state(outcome.state) if outcome.state in FINAL_STATES else exits.TIMED_OUT)


def runs(
    workflow: Workflow,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
    profile: ProfileName = None,
) -> None:
    """List the runs on the server, the newest first."""
    from dsflow.dolphinscheduler.wire.rows import text_of

    with _connected(workflow, profile) as there:
        newest = there.operations.newest(limit)
    if as_json:
        print(json.dumps([_run_json(one) for one in newest], indent=2, ensure_ascii=False))
        return
    if not newest:
        print(f"{workflow.project}/{workflow.name} has not been run on this server")
        return
    cells = [("RUN", "STATE", "STARTED", "TOOK", "FOR", "BY", "HOW")]
    for one in newest:
        cells.append(
            (
                str(one.id),
                one.state,
                text_of(one.started) or "",
                str(one.duration or ""),
                text_of(one.scheduled) or "",
                one.by or "",
                (one.command or "").lower().replace("_", " "),
            )
        )
    print(columns(cells))


def _run_json(one: Instance) -> dict[str, Any]:
    from dsflow.dolphinscheduler.wire.rows import text_of

    return {
        "id": one.id,
        "state": one.state,
        "commandType": one.command,
        "startTime": text_of(one.started),
        "endTime": text_of(one.ended),
        "duration": one.duration,
        "scheduleTime": text_of(one.scheduled),
        "executorName": one.by,
    }


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of texts in columns, without the columns that are empty in all rows but the first."""
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    return "\n".join("  ".join(row[i].ljust(widths[i]) for i in used).rstrip() for row in rows)


def logs(
    workflow: Workflow,
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="One task; all of them by default.")] = None,
    run: RunNumber = None,
    follow_: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    whole: Annotated[bool, typer.Option("--all", help="Also what DolphinScheduler's worker writes there.")] = False,
    server_timeout: ServerTimeout = SERVER_TIMEOUT,
    profile: ProfileName = None,
) -> None:
    """Print what a run's tasks wrote."""
    from dsflow.dolphinscheduler.watch import own_output

    with _connected(workflow, profile, server_timeout) as there:
        found = there.operations.pick(run)
        if follow_:
            _follow_logs(there, found, task, whole, server_timeout)
            return
        outcome = there.operations.server.report(found, there.definition)
    names = [t.name for t in outcome.tasks]
    if task is not None and task not in names:
        raise _no_task(found, task, names)
    for report in outcome.tasks:
        if task == report.name or (task is None and report.log):
            if task is None:
                print(f"==> {report.name} ({report.type}) {report.state}")
            text = report.log if whole else own_output(report.log)
            sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    if task is not None and not outcome.task(task).log:
        print(f"task {task!r} of run {found.instance} is {outcome.task(task).state} and has no log", file=sys.stderr)


def _no_task(run: Run, task: str, names: list[str]) -> RunError:
    return RunError(f"run {run.instance} has no task {task!r}", hint=f"it has: {', '.join(names)}")


def _follow_logs(there: _There, run: Run, task: str | None, whole: bool, server_timeout: float) -> None:
    from dsflow.dolphinscheduler.watch import LogTail, Watch

    names = [t.name for t in there.definition.tasks]
    if task is not None and task not in names:
        raise _no_task(run, task, names)
    tail = LogTail(there.operations.rest, task, whole=whole)
    for look in Watch(there.operations.rest, run, patience(Following(server_timeout=server_timeout))).looks():
        over = look.ended or (task is not None and look.states().get(task) in FINAL_STATES)
        for name, line in tail.last(look) if over else tail.news(look):
            print(line if task is not None else f"{name} │ {line}", flush=True)
        if over:
            return


def _end(workflow: Workflow, run: int | None, profile: str | None, action: str) -> None:
    with _connected(workflow, profile) as there:
        found = there.operations.pick(run)
        already = there.operations.ended(found)
        word = already or there.operations.end(found, action)
    print(f"run {found.instance}: {word}" + (" already: nothing was done" if already else ""))
    if not already and word not in ("STOP", "PAUSE"):
        print(f"it ended before it could {action.lower()}")
    if action == "PAUSE" and word == "PAUSE":
        print(f"  go on with it:     {again(workflow, 'resume', profile, '--run', str(found.instance))}")


def stop(workflow: Workflow, run: RunNumber = None, profile: ProfileName = None) -> None:
    """Stop a run: its running tasks are killed. Does nothing to a run that has ended."""
    _end(workflow, run, profile, "STOP")


def pause(workflow: Workflow, run: RunNumber = None, profile: ProfileName = None) -> None:
    """Pause a run: its running tasks end, no further ones start; `resume` goes on with it."""
    _end(workflow, run, profile, "PAUSE")


def _going_on(way: str, help: str) -> Callable[..., None]:
    """The command that goes on with a run in one of the ways of :mod:`dsflow.dolphinscheduler.runs`."""

    def command(
        workflow: Workflow,
        run: RunNumber = None,
        tail: Tail = False,
        timeout: Timeout = None,
        detach: Detach = False,
        stop_on_interrupt: StopOnInterrupt = False,
        report: ReportFile = None,
        html: PageFile = None,
        server_timeout: ServerTimeout = SERVER_TIMEOUT,
        profile: ProfileName = None,
    ) -> None:
        from dsflow.dolphinscheduler import runs

        following = Following(tail, timeout, detach, stop_on_interrupt, report, server_timeout, profile, html)
        following.check()
        with _connected(workflow, profile, server_timeout) as there:
            found = there.operations.pick(run)
            for note in there.operations.go_on(found, getattr(runs, way)):
                print(f"note: {note}", file=sys.stderr)
            code = follow(workflow, there.definition, there.operations, found, following)
        raise typer.Exit(code)

    command.__doc__ = help
    command.__name__ = way.lower()
    return command


resume = _going_on("RESUME", "Go on with a paused or stopped run, and follow it.")
rerun = _going_on("RERUN", "Run all tasks of a run that has ended again, under the same number, and follow it.")
recover = _going_on("RECOVER", "Run a failed run's failed tasks again, go on from there, and follow it.")


# ---------------------------------------------------------------- backfill


def backfill(
    workflow: Workflow,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first date, or a time of it.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last date; it is included.")],
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", min=1, max=100, help="So many dates at once.")
    ] = 1,
    set_: Set = None,
    timeout: Timeout = None,
    detach: Detach = False,
    stop_on_interrupt: StopOnInterrupt = False,
    report: ReportFile = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FOLDER", help="Write each date's run there, as a page that needs no network."),
    ] = None,
    server_timeout: ServerTimeout = SERVER_TIMEOUT,
    profile: ProfileName = None,
) -> None:
    """Run the workflow once for each date of its schedule (or each day) in the past, in order, and follow that."""
    from dsflow.dolphinscheduler.backfill import Backfills, parse_date, run_now

    following = Following(False, timeout, detach, stop_on_interrupt, report, server_timeout, profile)
    following.check()
    if html is not None and detach:
        raise typer.BadParameter(
            "--html and --detach exclude each other: of a run that is over, `status --html` writes it"
        )
    if html is not None:
        _make_folder(html)
    values = typed(workflow, parse_set(set_))
    begin, end = parse_date(first), parse_date(last, end=True)
    if begin > run_now():
        raise RunError(f"--from {first} is in the future: a backfill is for dates in the past")
    with _connected(workflow, profile, server_timeout) as there:
        operations = there.operations
        backfills = Backfills(operations.server, operations.project, operations.name)
        started = backfills.start(there.definition, values, begin, end, parallel)
        count = f"{len(started.dates)} dates" if started.dates is not None else "the schedule's dates"
        print(f"backfill of {count} from {begin} to {end}: {operations.url}", flush=True)
        for note in started.notes:
            print(f"note: {note}", flush=True)
        if detach:
            print(f"  how it stands:     {again(workflow, 'runs', profile)}")
            return
        code = _follow_backfill(workflow, backfills, started, following)
        if html is not None:
            _write_pages(html, there, started)
    if report is not None:
        report.write_text(json.dumps(_backfill_report(workflow, started), indent=2) + "\n", encoding="utf-8")
    rows = [("DATE", "STATE", "RUN", "TOOK")]
    rows += [(r.date, r.state, str(r.instance or ""), f"{r.seconds:.0f}s" if r.seconds else "") for r in started.rows()]
    print(columns(rows))
    if started.hopeless():
        print("dates that are SKIPPED were not run, because the one before them did not succeed")
    raise typer.Exit(code)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {folder} for the pages: {error.strerror}") from error


def _write_pages(folder: Path, there: _There, started: Backfill) -> None:
    """Write one page for each date that was run; their names sort as the dates do."""
    numbers = {run.instance: run.date for run in started.rows() if run.instance is not None}
    for number, date in numbers.items():
        outcome = there.operations.server.report(there.operations.pick(number), there.definition)
        name = re.sub(r"\W+", "-", f"{date} run {number}")
        write_page(folder / f"{name}.html", there.definition, readable(outcome))
    print(f"{len(numbers)} pages in {folder}")


def _follow_backfill(workflow: Workflow, backfills: Any, started: Backfill, following: Following) -> int:
    from dsflow.dolphinscheduler.watch import RunTimeoutError

    shown: dict[int, str] = {}
    try:
        with terminate_like_interrupt():
            for now in backfills.follow(started, patience(following), limit=following.timeout):
                for number, run in sorted(now.runs.items()):
                    if shown.get(number) != run.state:
                        shown[number] = run.state
                        print(f"{run.date}  run {number}  {run.state}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not following.stop_on_interrupt:
            listing = again(workflow, "runs", following.profile)
            print(f"\nthe backfill goes on; how it stands:  {listing}", file=sys.stderr)
            raise typer.Exit(exits.INTERRUPTED) from None
        backfills.stop(started)
        return exits.STOPPED_RUN
    except RunTimeoutError as error:
        print(error, file=sys.stderr)
        if following.stop_on_interrupt:
            backfills.stop(started)
        return exits.TIMED_OUT
    return exits.of_state(started.state)


def _backfill_report(workflow: Workflow, started: Backfill) -> dict[str, Any]:
    return {
        "workflow": workflow.name,
        "state": started.state,
        "succeeded": all(r.state == SUCCESS for r in started.rows()),
        "runs": [
            {"date": r.date, "instance": r.instance, "state": r.state, "seconds": r.seconds} for r in started.rows()
        ],
    }
