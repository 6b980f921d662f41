"""``run --local``: the workflow, an embedded OpenMLDB and a prediction server, all on this machine."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import shlex
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from dsflow.declare.compile import compile_workflow
from dsflow.declare.params import Scalar, placeholders, to_text
from dsflow.declare.workflow import Workflow
from dsflow.definition import Definition
from dsflow.errors import DsflowError, MissingExtraError, RunError, did_you_mean
from dsflow.local.example import ask_prediction
from dsflow.local.executors import check_runnable, is_own, own_forker
from dsflow.local.folders import earlier_folder_name, folder_name
from dsflow.local.following import LogFollower
from dsflow.local.held import held
from dsflow.local.processes import Forker
from dsflow.local.reuse import Past, Reuse, earlier_outputs
from dsflow.local.scheduler import Scheduler
from dsflow.report import SUCCESS, RunReport, TaskReport

if TYPE_CHECKING:
    from dsflow.serving import ServerBeside

STATES = ".dsflow"
"""The folder below the working directory that holds the states of local runs."""

PREDICT_SERVER = ("{predict_server}", "{predict_address}")


class Display(Protocol):
    """Who is told of a run's progress."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def update(self, task: TaskReport) -> None: ...

    def progress(self, task: str, text: str) -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """A display that shows nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing."""

    def update(self, task: TaskReport) -> None:
        """Nothing."""

    def progress(self, task: str, text: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass
class LocalRun:
    """A local run that has ended, with its servers still up.

    Attributes:
        report: how it went.
        openmldb_url: the embedded OpenMLDB's APIServer, '' when the workflow has no OPENMLDB task.
        predict_url: the prediction server, '' when the workflow has none.
        folder: where the tasks' folders and logs are.
    """

    report: RunReport
    openmldb_url: str
    predict_url: str
    folder: Path


@dataclass(frozen=True)
class Part:
    """What of a workflow is run here, and how.

    Attributes:
        start_at: the task to start with; all that comes after it runs too.
        only: the one task to run, with its checks.
        fresh: run all of it; else steps whose inputs did not change are taken from the run before.
        limit: seconds for the whole run, after which it is stopped; None for none.
        tail: show what the tasks write while they run.
    """

    start_at: str | None = None
    only: str | None = None
    fresh: bool = False
    limit: float | None = None
    tail: bool = False

    def check(self, workflow: Workflow) -> None:
        """Raise RunError when a task is named that there is not."""
        for name in (self.start_at, self.only):
            if name is not None and name not in workflow.tasks:
                raise RunError(
                    f"workflow {workflow.name!r} has no task {name!r}",
                    hint=did_you_mean(name, workflow.tasks, f"it has: {', '.join(workflow.tasks)}"),
                )

    def nodes(self, workflow: Workflow, definition: Definition) -> frozenset[str] | None:
        """The nodes to run; None for all."""
        if self.only is not None:
            return frozenset(node.name for node in workflow.tasks[self.only].nodes)
        if self.start_at is None:
            return None
        waiting, found = [workflow.tasks[self.start_at].entry.name], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += definition.downstream(name)
        return frozenset(found)


def default_state(workflow: Workflow) -> Path:
    """Where a local run keeps its state by default: ``.dsflow/PROJECT/WORKFLOW`` in the working directory.

    Names that no folder can have, and names with capitals, get a digest: see :func:`dsflow.local.folders.folder_name`.
    """
    return Path.cwd() / STATES / folder_name(workflow.project) / folder_name(workflow.name)


def _earlier_state(workflow: Workflow) -> Path | None:
    """A state that an older version made in the working directory, under a folder that several names may share."""
    earlier = Path.cwd() / STATES / earlier_folder_name(workflow.project) / earlier_folder_name(workflow.name)
    current = default_state(workflow)
    return earlier if earlier != current and (earlier / "runs").is_dir() and not current.exists() else None


def run_local(
    workflow: Workflow,
    *,
    values: Mapping[str, Scalar] | None = None,
    state: Path | None = None,
    display: Display | None = None,
    version: tuple[int, ...] | None = None,
    fresh: bool = False,
) -> RunReport:
    """Run a workflow here and stop the servers again.

    Args:
        workflow: what to run.
        values: parameters' values, over their local and their plain defaults.
        state: folder for the embedded OpenMLDB's data, models, features and logs; kept for the next run.
        display: told of the progress.
        version: the DolphinScheduler whose rules hold; None takes what 3.1 and 3.2 have in common, and says where they
            go different ways.
        fresh: run all steps; else those whose inputs did not change are taken from the run before.

    Raises:
        DsflowError: it could not be started. A task that fails is no exception: see the report's state.
    """
    with local_run(
        workflow, values=values, state=state, display=display, version=version, part=Part(fresh=fresh)
    ) as run:
        return run.report


@contextlib.contextmanager
def local_run(
    workflow: Workflow,
    *,
    values: Mapping[str, Scalar] | None = None,
    state: Path | None = None,
    display: Display | None = None,
    version: tuple[int, ...] | None = None,
    part: Part | None = None,
) -> Iterator[LocalRun]:
    """Like :func:`run_local`, but the servers stay up as long as the ``with`` block lasts."""
    display = display or Silent()
    part = part or Part()
    part.check(workflow)
    earlier = _earlier_state(workflow) if state is None else None
    state = (state or default_state(workflow)).resolve()
    probe = local_definition(workflow, local_values(workflow, values or {}, {}))
    for task in probe.tasks:
        check_runnable(task)
    needs_openmldb = any(task.task_type == "OPENMLDB" for task in probe.tasks)
    own_server = _wants_predict_server(workflow, values or {})
    _check_extras(needs_openmldb, own_server)
    _make_folder(state)
    with contextlib.ExitStack() as servers:
        servers.enter_context(held(state))
        with display:
            if earlier is not None:
                display.note(
                    f"an older dsflow kept a state in {earlier}, which other names could share; this run begins anew in"
                    f" {state}. If it is this workflow's, run with --state {shlex.quote(str(earlier))}"
                )
            forker = None
            if Forker.is_possible() and any(map(is_own, probe.tasks)):
                forker = servers.enter_context(own_forker())  # first, so that it imports while the others start
            run = _execute(
                workflow, values or {}, state, display, servers, needs_openmldb, own_server, version, part, forker
            )
        yield run


def _execute(
    workflow: Workflow,
    values: Mapping[str, Scalar],
    state: Path,
    display: Display,
    servers: contextlib.ExitStack,
    needs_openmldb: bool,
    needs_predict_server: bool,
    version: tuple[int, ...] | None,
    part: Part,
    forker: Forker | None,
) -> LocalRun:
    """Start the servers, run the workflow, and ask for a prediction."""
    places = {"here": str(workflow.folder), "state": str(state), "openmldb": ""}
    places.update(predict_server="", predict_address="")
    server = None
    if needs_openmldb:
        from dsflow.embedded.server import EmbeddedServer

        openmldb = EmbeddedServer(state / "openmldb")
        servers.callback(openmldb.stop)
        openmldb.launch()
        _import_beforehand(needs_predict_server)
        places["openmldb"] = openmldb.start().url
        display.note(f"embedded OpenMLDB at {places['openmldb']}, its data in {state / 'openmldb'}")
    if needs_predict_server:
        from dsflow.serving import Options, ServerBeside

        # a model lies in the state, beside the pipeline file, or where a parameter says
        named = [Path(text) for text in map(str, values.values()) if text.startswith("/") and text.strip("/")]
        options = Options(models=(state, workflow.folder, *(path for path in named if not path.is_file())))
        log = state / "prediction-server.log"
        server = ServerBeside(places["openmldb"], model_dir=state / "served", options=options, log=log)
        places["predict_server"] = servers.enter_context(server).url
        places["predict_address"] = places["predict_server"].removeprefix("http://")
        display.note(f"prediction server at {places['predict_server']}")
    definition = local_definition(workflow, local_values(workflow, values, places))
    steps = steps_of(workflow)
    chosen = part.nodes(workflow, definition)
    earlier = _earlier(definition, steps, chosen, state) if chosen is not None else {}
    folder = _run_folder(state)
    # what was asked for by name is run
    fresh = part.fresh or chosen is not None
    scheduler = Scheduler(
        definition,
        folder,
        places["openmldb"],
        display.update,
        version=version,
        given={name: to_text(value) for name, value in values.items()},
        on_note=display.note,
        reuse=Reuse(state, definition, steps, places["openmldb"], folder.name, running=chosen, fresh=fresh),
        only=chosen,
        earlier=earlier,
        limit=part.limit,
        forker=forker,
    )
    started = time.monotonic()
    with LogFollower(scheduler, display, tail=part.tail), _starting(server, scheduler):
        outcome = scheduler.run()
    report = RunReport(
        workflow=definition.name,
        state=outcome,
        tasks=scheduler.reports,
        seconds=time.monotonic() - started,
        began=scheduler.now.astimezone().isoformat(),
    )
    report.write(folder / "report.json")  # asking may fail
    if outcome == SUCCESS and needs_predict_server and chosen is None:
        report.prediction = ask_prediction(places["predict_server"], places["openmldb"])
        report.write(folder / "report.json")
    return LocalRun(report, places["openmldb"], places["predict_server"], folder)


def _import_beforehand(predict_server: bool) -> None:
    """Import what the run needs while another process starts, which takes longer."""
    importlib.import_module("httpx")
    if predict_server:
        importlib.import_module("dsflow.serving.beside")


@contextlib.contextmanager
def _starting(server: ServerBeside | None, scheduler: Scheduler) -> Iterator[None]:
    """Let a run begin while its prediction server still starts; if that fails, the run is stopped.

    Raises:
        ServingError: the server did not start.
    """
    failed: list[DsflowError] = []

    def wait(server: ServerBeside) -> None:
        try:
            server.wait()
        except DsflowError as error:
            failed.append(error)
            scheduler.stop.set()

    if server is not None:
        threading.Thread(target=wait, args=[server], daemon=True, name="dsflow-prediction-server").start()
    yield
    if failed:
        raise failed[0]


def local_definition(workflow: Workflow, values: Mapping[str, Scalar] | None = None) -> Definition:
    """The Definition as it is run here: its steps stand alone, since each may be taken from an earlier run.

    Raises:
        DeclarationError, ParameterError: as of :meth:`dsflow.Workflow.definition`.
    """
    return compile_workflow(workflow, values or {}, steps_alone=True)


def steps_of(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """What the user declared as one task, by name: the names of its nodes, from the first to the last."""
    found = {name: tuple(node.name for node in task.nodes) for name, task in workflow.tasks.items()}
    inner = {node for name, nodes in found.items() for node in nodes if node != name}
    return {name: nodes for name, nodes in found.items() if name not in inner}


def _earlier(
    definition: Definition, steps: Mapping[str, tuple[str, ...]], chosen: frozenset[str], state: Path
) -> dict[str, Past]:
    """How the tasks that are not run ended when they last ran.

    Raises:
        RunError: a task that is run asks for an output that no run before has given.
    """
    found: dict[str, Past] = {}
    for name, nodes in steps.items():
        if not chosen.issuperset(nodes):
            found |= earlier_outputs(state, name)
    made = {p.prop: task.name for task in definition.tasks for p in task.local_params if p.direct == "OUT"}
    known = {name for past in found.values() for values in past.outputs.values() for name in values}
    for task in definition.tasks:
        if task.name in chosen:
            for name in placeholders(json.dumps(task.task_params)):
                if name in made and made[name] not in chosen and name not in known:
                    raise RunError(
                        f"task {task.name!r} asks for the output {name!r} of {made[name]!r}, which has not run here",
                        hint="run the whole workflow first, or begin with a task before it",
                        where=task.where,
                    )
    return found


def local_values(workflow: Workflow, values: Mapping[str, Scalar], places: Mapping[str, str]) -> dict[str, Scalar]:
    """The values of a local run: those given, then each parameter's ``local`` with its ``{places}`` filled in."""
    filled: dict[str, Scalar] = {}
    for name, param in workflow.parameters.items():
        if isinstance(param.local, str):
            text = param.local
            for place, path in places.items():
                text = text.replace(f"{{{place}}}", path)
            filled[name] = text
        elif param.local is not None:
            filled[name] = param.local
    return {**filled, **values}


def _wants_predict_server(workflow: Workflow, values: Mapping[str, Scalar]) -> bool:
    """Whether a parameter that nobody set asks for the run's own prediction server."""
    return any(
        isinstance(param.local, str) and any(p in param.local for p in PREDICT_SERVER) and name not in values
        for name, param in workflow.parameters.items()
    )


def _check_extras(openmldb: bool, predict_server: bool) -> None:
    wanted = ["duckdb", "sqlglot", "starlette", "uvicorn"] if openmldb else []
    wanted += ["starlette", "uvicorn", "xgboost"] if predict_server else []
    for package in wanted:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("run --local", "local", package)


def _make_folder(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
        own = Path.cwd() / STATES
        if own in state.parents and not (own / ".gitignore").exists():
            (own / ".gitignore").write_text("# what local runs keep is no part of the project\n*\n", encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"the state folder {state} cannot be made: {error.strerror}", hint="name another with --state"
        ) from error


def _run_folder(state: Path) -> Path:
    """A new folder for this run's logs; ``runs/latest`` points to it."""
    runs = state / "runs"
    runs.mkdir(exist_ok=True)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{n}" for n in range(1, 1000))):
        folder = runs / f"{stamp}{suffix}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        latest = runs / "latest"
        if latest.is_symlink() or not latest.exists():  # a copy of a state may have made a folder of it
            latest.unlink(missing_ok=True)
            latest.symlink_to(folder.name)
        return folder
    raise RunError(f"no free folder in {runs}")
