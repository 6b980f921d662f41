"""``run --local``: the workflow, an embedded OpenMLDB and a prediction server, all on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from dsflow.declare.params import Scalar, to_text
from dsflow.declare.workflow import Workflow
from dsflow.errors import MissingExtraError, RunError
from dsflow.local.executors import check_runnable
from dsflow.local.folders import earlier_folder_name, folder_name
from dsflow.local.scheduler import Scheduler
from dsflow.report import SUCCESS, RunReport, TaskReport

PREDICT_SERVER = ("{predict_server}", "{predict_address}")


class Display(Protocol):
    """Who is told of a run's progress."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def update(self, task: TaskReport) -> None: ...

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


def default_state(workflow: Workflow) -> Path:
    """Where a local run keeps its state by default: ``.dsflow/PROJECT/WORKFLOW`` in the working directory.

    Names that no folder can have, and names with capitals, get a digest: see :func:`dsflow.local.folders.folder_name`.
    """
    return Path.cwd() / ".dsflow" / folder_name(workflow.project) / folder_name(workflow.name)


def _earlier_state(workflow: Workflow) -> Path | None:
    """A state that an older version made in the working directory, under a folder that several names may share."""
    earlier = Path.cwd() / ".dsflow" / earlier_folder_name(workflow.project) / earlier_folder_name(workflow.name)
    current = default_state(workflow)
    return earlier if earlier != current and (earlier / "runs").is_dir() and not current.exists() else None


def run_local(
    workflow: Workflow,
    *,
    values: Mapping[str, Scalar] | None = None,
    state: Path | None = None,
    display: Display | None = None,
    version: tuple[int, ...] | None = None,
) -> RunReport:
    """Run a workflow here and stop the servers again.

    Args:
        workflow: what to run.
        values: parameters' values, over their local and their plain defaults.
        state: folder for the embedded OpenMLDB's data, models, features and logs; kept for the next run.
        display: told of the progress.
        version: the DolphinScheduler whose rules hold; None takes what 3.1 and 3.2 have in common, and says where they
            go different ways.

    Raises:
        DsflowError: it could not be started. A task that fails is no exception: see the report's state.
    """
    with local_run(workflow, values=values, state=state, display=display, version=version) as run:
        return run.report


@contextlib.contextmanager
def local_run(
    workflow: Workflow,
    *,
    values: Mapping[str, Scalar] | None = None,
    state: Path | None = None,
    display: Display | None = None,
    version: tuple[int, ...] | None = None,
) -> Iterator[LocalRun]:
    """Like :func:`run_local`, but the servers stay up as long as the ``with`` block lasts."""
    display = display or Silent()
    earlier = _earlier_state(workflow) if state is None else None
    state = (state or default_state(workflow)).resolve()
    probe = workflow.definition(local_values(workflow, values or {}, {}))
    for task in probe.tasks:
        check_runnable(task)
    needs_openmldb = any(task.task_type == "OPENMLDB" for task in probe.tasks)
    own_server = _wants_predict_server(workflow, values or {})
    _check_extras(needs_openmldb, own_server)
    _make_folder(state)
    with contextlib.ExitStack() as servers:
        with display:
            if earlier is not None:
                display.note(
                    f"an older dsflow kept a state in {earlier}, which other names could share; this run begins anew in"
                    f" {state}. If it is this workflow's, run with --state {shlex.quote(str(earlier))}"
                )
            run = _execute(workflow, values or {}, state, display, servers, needs_openmldb, own_server, version)
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
) -> LocalRun:
    """Start the servers, run the workflow, and ask for a prediction."""
    places = {"here": str(workflow.folder), "state": str(state), "openmldb": ""}
    places.update(predict_server="", predict_address="")
    if needs_openmldb:
        from dsflow.embedded.server import EmbeddedServer

        places["openmldb"] = servers.enter_context(EmbeddedServer(state / "openmldb")).url
        display.note(f"embedded OpenMLDB at {places['openmldb']}, its data in {state / 'openmldb'}")
    if needs_predict_server:
        from dsflow.serving import PredictionServer

        server = PredictionServer(apiserver=places["openmldb"], model_dir=state / "served")
        places["predict_server"] = servers.enter_context(server).url
        places["predict_address"] = places["predict_server"].removeprefix("http://")
        display.note(f"prediction server at {places['predict_server']}")
    definition = workflow.definition(local_values(workflow, values, places))
    folder = _run_folder(state)
    scheduler = Scheduler(
        definition,
        folder,
        places["openmldb"],
        display.update,
        version=version,
        given={name: to_text(value) for name, value in values.items()},
        on_note=display.note,
    )
    started = time.monotonic()
    outcome = scheduler.run()
    report = RunReport(
        workflow=definition.name,
        state=outcome,
        tasks=scheduler.reports,
        seconds=time.monotonic() - started,
    )
    report.write(folder / "report.json")  # asking may fail
    if outcome == SUCCESS and needs_predict_server:
        report.prediction = ask_prediction(places["predict_server"], places["openmldb"])
    report.write(folder / "report.json")
    return LocalRun(report, places["openmldb"], places["predict_server"], folder)


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
    except OSError as error:
        raise RunError(
            f"the state folder {state} can not be made: {error.strerror}", hint="name another with --state"
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
        latest.unlink(missing_ok=True)
        latest.symlink_to(folder.name)
        return folder
    raise RunError(f"no free folder in {runs}")


def ask_prediction(predict_url: str, openmldb_url: str) -> dict[str, Any] | None:
    """One real prediction, for a row that is in the online table: ``{"request": ..., "answer": ...}``.

    None when no model is served (the workflow did not hand one over).

    Raises:
        RunError: the prediction server answers with an error.
    """
    import httpx

    with httpx.Client(timeout=30, trust_env=False) as client:
        schema = client.get(f"{predict_url}/schema")
        if schema.status_code != 200:
            return None
        served = schema.json()
        described = client.get(f"{openmldb_url}/dbs/{served['database']}/deployments/{served['deployment']}").json()
        place = f"{served['database']}/deployments/{served['deployment']}/request"
        found = client.get(f"{openmldb_url}/dsflow/dbs/{place}").json()
        if "data" not in found:
            raise RunError(f"deployment {served['deployment']!r} can not be asked: {found.get('msg')}")
        source = found["data"]
        query = {"mode": "online", "sql": f"SELECT * FROM `{source['db']}`.`{source['table']}` LIMIT 1"}
        rows = client.post(f"{openmldb_url}/dbs/{served['database']}", json=query).json()
        if not rows.get("data", {}).get("data"):
            return None
        names = [column["name"] for column in described["data"]["input_schema"]]
        request = dict(zip(names, rows["data"]["data"][0], strict=True))
        answer = client.post(f"{predict_url}/predict", json=request)
        if answer.status_code != 200:
            raise RunError(
                f"the prediction server answered {answer.status_code} to {json.dumps(request)}: {answer.text}"
            )
        return {"request": request, "answer": answer.json()}
