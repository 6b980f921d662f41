"""Following a run from the command line: progress, logs, Ctrl-C, time limits, and how to come back."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli import exits
from dsflow.cli.options import server_values, target
from dsflow.declare.context import declared_workflows
from dsflow.declare.workflow import Workflow
from dsflow.errors import RunError, UnreachableError
from dsflow.report import FAILURE, FINAL_STATES, SUCCESS, TIMEOUT, RunReport, TaskReport

if TYPE_CHECKING:
    from dsflow.consistency import ConsistencyReport
    from dsflow.definition import Definition
    from dsflow.display.progress import RunDisplay
    from dsflow.dolphinscheduler.operations import Operations
    from dsflow.dolphinscheduler.runs import Run
    from dsflow.dolphinscheduler.watch import Look, Patience
    from dsflow.local.runner import Display

SERVER_TIMEOUT = 120.0
POLL = 1.0

Tail = Annotated[bool, typer.Option("--tail", help="Show what the tasks write while they run.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="S", min=0, help="Follow for S seconds at most; then exit code 4."),
]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and end at once; says how to come back.")]
StopOnInterrupt = Annotated[
    bool,
    typer.Option("--stop-on-interrupt", help="Ctrl-C, SIGTERM or --timeout stop the run; without it, the run goes on."),
]
ServerTimeout = Annotated[
    float,
    typer.Option(
        "--server-timeout", metavar="S", min=0, help="Wait S seconds for a server that went away; then exit code 5."
    ),
]
RunNumber = Annotated[
    int | None, typer.Option("--run", metavar="ID", help="A run's number; the newest one by default.")
]


@dataclass(frozen=True)
class Following:
    """How a run is followed: the options that commands share.

    Attributes:
        profile: the --profile that was given, to be repeated in what the user is told to type.
        page: where an HTML page of the run goes.
        apiserver: the OpenMLDB in which the page's features offline and online are compared; None: they are not.
    """

    tail: bool = False
    timeout: float | None = None
    detach: bool = False
    stop_on_interrupt: bool = False
    report: Path | None = None
    server_timeout: float = SERVER_TIMEOUT
    profile: str | None = None
    page: Path | None = None
    apiserver: str | None = None

    def check(self) -> None:
        """Raise for what cannot be, before anything is started."""
        check_report(self.report)
        check_report(self.page)
        follows = self.tail or self.timeout is not None or self.stop_on_interrupt or self.report or self.page
        if self.detach and follows:
            raise typer.BadParameter("--detach follows nothing: --tail, --timeout, --stop-on-interrupt and --report do")


def check_report(report: Path | None) -> None:
    """Raise RunError when a report could not be written."""
    if report is not None and not report.absolute().parent.is_dir():
        raise RunError(f"there is no folder {report.absolute().parent} for the report")


def again(workflow: Workflow, command: str, profile: str | None, *arguments: str) -> str:
    """A command line about this workflow, as one would type it."""
    file = Path(workflow.where.file) if workflow.where else Path(workflow.name)
    try:
        file = file.resolve().relative_to(Path.cwd())
    except ValueError:
        pass
    beside = [w for w in declared_workflows() if w.where and workflow.where and w.where.file == workflow.where.file]
    target = f"{file}:{workflow.name}" if len({w.name for w in beside}) > 1 else str(file)
    options = ["--profile", profile] if profile else []
    return shlex.join(["dsflow", command, target, *arguments, *options])


def patience(following: Following, display: RunDisplay | None = None) -> Patience:
    """How the server's silence is borne."""
    from dsflow.dolphinscheduler.watch import Patience

    return Patience(following.server_timeout, poll=POLL, tell=display.note if display else _stderr)


def request_timeout(server_timeout: float) -> float:
    """Seconds for one request: a hanging server must not eat the whole limit in one."""
    return max(5.0, min(60.0, server_timeout / 4))


def _stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def follow(workflow: Workflow, definition: Definition, operations: Operations, run: Run, following: Following) -> int:
    """Follow a run to its end and show how it went; gives the exit code.

    Raises:
        UnreachableError: the server was away for too long.
    """
    from dsflow.display.progress import RunDisplay
    from dsflow.dolphinscheduler.watch import LogTail, RunTimeoutError, Watch

    print(f"run {run.instance}: {run.url}", flush=True)
    if following.detach:
        print(_come_back(workflow, run, following.profile))
        return exits.OK
    display = RunDisplay(definition)
    watch = Watch(operations.rest, run, patience(following, display), following.timeout)
    tail = LogTail(operations.rest) if following.tail else None
    progress = Progress(definition, display)
    code: int | None = None
    try:
        with terminate_like_interrupt(), display:
            for look in watch.looks():
                if tail is not None:
                    progress.see(look, ended=False)
                    for task, line in tail.last(look) if look.ended else tail.news(look):
                        display.note(f"{task} │ {line}")
                progress.see(look)
                code = exits.of_state(look.state)
    except KeyboardInterrupt:
        if not following.stop_on_interrupt:
            _stderr(f"\nrun {run.instance} goes on\n{_come_back(workflow, run, following.profile)}")
            return exits.INTERRUPTED
        _stop(operations, run)
        code = exits.STOPPED_RUN
    except RunTimeoutError as error:
        if following.stop_on_interrupt:
            _stderr(f"run {run.instance} was not over after {following.timeout:g} s")
            _stop(operations, run)
        else:
            _stderr(f"{error}\n{_come_back(workflow, run, following.profile)}")
        code = exits.TIMED_OUT
    except UnreachableError as error:
        error.hint = f"{error.hint}; when the server is back:\n{_come_back(workflow, run, following.profile)}"
        raise
    outcome = patience(following).ask(lambda: operations.server.report(run, definition))
    if code == exits.TIMED_OUT:
        outcome.state = TIMEOUT
        outcome.seconds = outcome.seconds or following.timeout or 0.0  # of a run that goes on the server says nothing
    found = _compared(workflow, following) if outcome.state == SUCCESS else []
    finish(display, outcome, following.report, following.page, found)
    if outcome.state == FAILURE:
        print(go_on(workflow, run.instance, outcome, following.profile))
    return code if code is not None else exits.of_state(outcome.state)


def _compared(workflow: Workflow, following: Following) -> list[ConsistencyReport | str]:
    """The features offline and online, for the page."""
    if following.page is None or following.apiserver is None:
        return []
    from dsflow.cli.consistency import compared

    return compared(workflow, following.apiserver, server_values(workflow, target(workflow, following.profile), {}))


def finish(
    display: RunDisplay,
    outcome: RunReport,
    report: Path | None,
    page: Path | None = None,
    compared: Sequence[ConsistencyReport | str] = (),
) -> None:
    """Write the report and the page that are wanted, and print the summary."""
    if report is not None:
        outcome.write(report)
    if page is not None:
        write_page(page, display.definition, readable(outcome), compared)
    print(display.summary(readable(outcome)))


def write_page(
    page: Path, definition: Definition, outcome: RunReport, compared: Sequence[ConsistencyReport | str] = ()
) -> None:
    """Write a run as an HTML page.

    Args:
        compared: features offline and online, or why they were not compared.

    Raises:
        RunError: the file cannot be written.
    """
    from dsflow.display.runpage import run_page

    try:
        page.write_text(run_page(definition, outcome, compared), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {page}: {error.strerror}") from error


def readable(outcome: RunReport) -> RunReport:
    """The report with logs in which stands what the tasks themselves wrote, to be quoted."""
    from dsflow.dolphinscheduler.watch import own_output

    return replace(outcome, tasks=[replace(task, log=own_output(task.log)) for task in outcome.tasks])


def _stop(operations: Operations, run: Run) -> None:
    _stderr(f"\nstopping run {run.instance}; once more Ctrl-C leaves at once")
    word = operations.end(run, "STOP")
    _stderr(f"run {run.instance}: {word}")


def _come_back(workflow: Workflow, run: Run, profile: str | None) -> str:
    number = str(run.instance)
    return "\n".join(
        f"  {what:<19}{again(workflow, command, profile, *arguments)}"
        for what, command, arguments in (
            ("how it stands:", "status", (number,)),
            ("follow its logs:", "logs", ("--run", number, "--follow")),
            ("stop it:", "stop", ("--run", number)),
        )
    )


def go_on(workflow: Workflow, number: int, outcome: RunReport, profile: str | None) -> str:
    """What to type after a failure."""
    failed = {task.name for task in outcome.failed}
    if any(task.exit.name in failed for task in workflow.tasks.values() if len(task.nodes) > 1):
        # the step's own node is green, so that recovering would only look once more at what has failed
        what, command = "run it all again; what is done already stays as it is", "rerun"
    else:
        what, command = "run what failed again, and go on from there", "recover"
    lines = [f"  {what}: {again(workflow, command, profile, '--run', str(number))}"]
    if any("ModuleNotFoundError" in task.log for task in outcome.failed):
        doctor = shlex.join(["dsflow", "doctor", *(["--profile", profile] if profile else [])])
        lines.append(f"  what the worker's Python lacks, and how to get it: {doctor}")
    return "\n".join(lines)


class Progress:
    """Turns looks at a run into changes of its display."""

    def __init__(self, definition: Definition, display: Display) -> None:
        self._display = display
        self._reports = {task.name: TaskReport(task.name, task.task_type) for task in definition.tasks}
        self._since: dict[str, float] = {}

    def see(self, look: Look, *, ended: bool = True) -> None:
        """Show what changed since the last look.

        Args:
            ended: also which tasks have ended; what they wrote is to be shown before.
        """
        now = time.monotonic()
        for name, state in look.states().items():
            if state in FINAL_STATES and not ended:
                continue
            task = look.tasks[name]
            report = self._reports.setdefault(name, TaskReport(name, task.type))
            attempts = task.retries + 1
            if (report.state, report.attempts) != (state, attempts):
                report.state, report.attempts = state, attempts
                report.seconds = now - self._since.setdefault(name, now)
                self._display.update(report)


@contextmanager
def terminate_like_interrupt() -> Iterator[None]:
    """Inside, SIGTERM (a CI job that is cancelled) interrupts as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
