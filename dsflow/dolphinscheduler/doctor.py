"""Everything that running OpenMLDB tasks on DolphinScheduler needs, checked; each problem comes with its remedy.

First what can be asked from here (the REST API, the gateway, the user and its tenant, the workers), then what only a
worker knows: a short workflow is submitted into a project of its own, run, read, and deleted again whatever happens.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from dsflow.config import Profile
from dsflow.definition import JsonDict
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.environments import default_environment
from dsflow.dolphinscheduler.runs import Run, map_state
from dsflow.dolphinscheduler.wire.gateway import Gateway
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import ConfigError, DsflowError, RunError, ServerError, UnreachableError
from dsflow.report import FINAL_STATES, SUCCESS, RunReport, TaskReport
from dsflow.worker.doctor import (
    NOT_TAKEN,
    OPENMLDB,
    PYTHON,
    SHELL,
    SWITCH,
    TAKEN,
    facts,
    last_error,
    worker_workflow,
)

OK, WARNING, PROBLEM = "ok", "warning", "problem"
PROJECT = "dsflow doctor "
TIMEOUT = 180.0
GIB = 1024**3
RUN_PATIENCE, STOP_PATIENCE = 90.0, 30.0  # seconds for a run to end by itself, and after it was told to
LITTLE, TOO_LITTLE = 5 * GIB, GIB  # free space that gets a warning, and that is a problem

Say = Callable[["Check"], None]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: ``ok``, ``warning`` or ``problem``.
        detail: what was found.
        remedy: what to do about it; '' when all is well.
        unreachable: DolphinScheduler itself, its REST API or its gateway, does not answer.
    """

    name: str
    state: str
    detail: str
    remedy: str = ""
    unreachable: bool = False

    def to_dict(self) -> JsonDict:
        return asdict(self)


def ok(name: str, detail: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name, OK, detail)


def warning(name: str, detail: str, remedy: str) -> Check:
    """A check that found something that works, and should be known."""
    return Check(name, WARNING, detail, remedy)


def problem(name: str, detail: str, remedy: str) -> Check:
    """A check that found something that does not work."""
    return Check(name, PROBLEM, detail, remedy)


def of_error(name: str, error: DsflowError, remedy: str = "") -> Check:
    """An error as a problem, with its hint as the remedy."""
    unreachable = isinstance(error, UnreachableError)
    return Check(name, PROBLEM, error.message, remedy or error.hint or "", unreachable)


def examine(
    profile: Profile,
    *,
    zookeeper: str | None = None,
    zookeeper_path: str | None = None,
    say: Say = lambda check: None,
    timeout: float = TIMEOUT,
) -> list[Check]:
    """Check everything.

    Args:
        zookeeper: where the OpenMLDB cluster is; by default the profile's parameter of that name, else 127.0.0.1:2181.
        zookeeper_path: its root there; likewise, else ``/openmldb``.
        say: gets each check as soon as it is made.
        timeout: seconds that the workflow on the worker may take.
    """
    checks: list[Check] = []
    for check in _checks(profile, zookeeper, zookeeper_path, timeout):
        checks.append(check)
        say(check)
    return checks


def _checks(profile: Profile, zookeeper: str | None, zookeeper_path: str | None, timeout: float) -> Iterator[Check]:
    try:
        server = Server(profile)
        user = server.rest.user()
        series = server.rest.series()
    except ConfigError as error:
        yield of_error("profile", error)
        return
    except ServerError as error:
        yield of_error("REST API", error)
        return
    with server:
        yield ok("REST API", f"{server.rest.url} (DolphinScheduler {series}), user {user.name!r}")
        if series.experimental:
            yield warning(
                "series",
                f"DolphinScheduler {series} is experimental: dsflow was never run on a released server of it",
                "docs/series.md says what is different there; plan before each submit, and follow the first runs",
            )
        gateway = list(_gateway(profile, series))
        yield from gateway
        tenant = list(_tenant(server.rest, profile))
        yield from tenant
        workers = list(_workers(server.rest, profile))
        yield from workers
        stoppers = [c for c in [*gateway, *tenant, *workers] if c.state == PROBLEM]
        if stoppers:
            yield problem("worker", "not looked at: no workflow can be submitted and run yet", "solve the above first")
            return
        params = profile.params
        yield from _on_worker(
            server,
            zookeeper or params.get("zookeeper") or "127.0.0.1:2181",
            zookeeper_path or params.get("zookeeper_path") or "/openmldb",
            timeout,
        )


# ------------------------------------------------------------------ what can be asked from here


def _gateway(profile: Profile, series: Series) -> Iterator[Check]:
    try:
        with Gateway(profile) as gateway:
            notes = gateway.notes()
            version, client = gateway.version, gateway.client_version
            public = gateway.uses_public_token
    except DsflowError as error:
        yield of_error("gateway", error)
        return
    place = f"{gateway.host}:{gateway.port}"
    rest = str(series)
    if version.split(".")[0].isdigit() and not version.startswith(rest + "."):
        yield problem(
            "gateway", f"{place} is DolphinScheduler {version}, but the REST API is that of {rest}",
            "DSFLOW_API_URL (api_url) and DSFLOW_GATEWAY (gateway) must name the same server",
        )  # fmt: skip
        return
    mismatch = [note for note in notes if "apache-dolphinscheduler" in note]
    if mismatch:
        wanted = mismatch[0].rsplit(", ", 1)[-1].split(" is the one")[0]
        yield warning("gateway", mismatch[0], f"pip install 'apache-dolphinscheduler=={wanted.replace('x', '*')}'")
    else:
        yield ok("gateway", f"{place}: DolphinScheduler {version} with apache-dolphinscheduler {client}")
    if public:
        yield warning(
            "gateway token",
            "the gateway takes the token that every release ships with: who reaches its port may act as any user",
            "set python-gateway.auth-token in the API server's application.yaml, and DSFLOW_GATEWAY_TOKEN here",
        )
    else:
        yield ok("gateway token", "the gateway has a token of its own")


def _tenant(rest: RestClient, profile: Profile) -> Iterator[Check]:
    user = rest.user()
    bound, wanted = user.tenant, profile.tenant
    known = [tenant.code for tenant in rest.tenants()]
    name = wanted or bound
    if not bound or (bound == "default" and wanted not in (None, "default")):
        yield problem(
            "tenant", f"user {user.name!r} has no tenant, and tasks run as the tenant of their user",
            f"dsflow bootstrap --tenant {wanted or 'NAME'}",
        )  # fmt: skip
    elif wanted and wanted not in known:
        yield problem(
            "tenant",
            f"the profile's tenant {wanted!r} does not exist on the server",
            f"dsflow bootstrap --tenant {wanted}",
        )
    elif wanted and wanted != bound and rest.series().user_has_tenant:
        yield problem(
            "tenant", f"the profile's tenant is {wanted!r}, but 3.1 runs tasks as the user's, {bound!r}",
            f"dsflow bootstrap --tenant {wanted}",
        )  # fmt: skip
    else:
        yield ok("tenant", f"{name!r}")


def _workers(rest: RestClient, profile: Profile) -> Iterator[Check]:
    rows = rest.workers()
    if rows:
        hosts = ", ".join(f"{r.get('host')}:{r.get('port')}" for r in rows)
        yield ok("workers", f"{len(rows)} alive: {hosts}")
    else:
        yield problem("workers", "no worker is alive: every run would wait", "start a worker-server")
    name = profile.environment
    if name and name not in {environment.name for environment in rest.environments()}:
        yield problem(
            "environment", f"the profile's environment {name!r} does not exist",
            f"dsflow bootstrap --environment {name!r} --env KEY=VALUE ...",
        )  # fmt: skip
    else:
        chosen = default_environment(rest, profile)
        yield ok("environment", f"tasks get {chosen!r}" if chosen else "none: tasks get dolphinscheduler_env.sh alone")


# ------------------------------------------------------------------ what only a worker knows


def _on_worker(server: Server, zookeeper: str, zookeeper_path: str, timeout: float) -> Iterator[Check]:
    found: tuple[RunReport, JsonDict, bool] | None = None
    try:
        with _temporary(server) as project:
            definition = worker_workflow(
                project, zookeeper=zookeeper, zookeeper_path=zookeeper_path, folders=_folders(server.profile)
            )
            server.submit(definition)
            run = server.start(definition)
            found = _run(server, run, timeout)
    except DsflowError as error:
        yield of_error("worker", error)
    if found is None:
        return
    report, states, ended = found
    if not ended:
        waiting = ", ".join(sorted(n for n, s in states.items() if s not in FINAL_STATES)) or "every task"
        yield problem(
            "worker", f"after {timeout:.0f} s these still wait or run: {waiting}",
            "look at the master's and the worker's log; is the worker overloaded, or its clock off?",
        )  # fmt: skip
    tenant = server.profile.tenant or server.rest.user().tenant
    yield from judge_shell(report.task(SHELL), str(tenant))
    yield from judge_python(report.task(PYTHON), server.rest.series(), zookeeper, zookeeper_path)
    yield from judge_openmldb(report.task(OPENMLDB))
    yield from judge_switch(report)


def _folders(profile: Profile) -> list[str]:
    """Where features and models go, as far as the profile says; and the folder for what is temporary."""
    found = ["/tmp", *(v for v in profile.params.values() if PurePosixPath(v).is_absolute())]
    return list(dict.fromkeys(found))


def _run(server: Server, run: Run, timeout: float) -> tuple[RunReport, JsonDict, bool]:
    end = time.monotonic() + timeout
    states: JsonDict = {}

    ended = False
    while not ended and time.monotonic() < end:
        state = _state(server, run, states)
        ended = state in FINAL_STATES
        if not ended:
            time.sleep(0.5)
    return server.report(run), states, ended


def _state(server: Server, run: Run, states: JsonDict) -> str:
    state = map_state(server.rest.instance(run.project_code, run.instance).state)
    tasks = server.rest.task_instances(run.project_code, run.instance)
    states.update({task.name: map_state(task.state) for task in tasks})
    return state


@contextlib.contextmanager
def _temporary(server: Server) -> Iterator[str]:
    """A project that is gone afterwards, with everything in it."""
    project = PROJECT + uuid.uuid4().hex[:8]
    try:
        yield project
    finally:
        remove_project(server, project)


def remove_project(server: Server, project: str) -> None:
    """Stop what runs in a project, and delete its runs, its workflows and itself.

    Raises:
        RunError: something could not be deleted; the error says what is left.
    """
    rest = server.rest
    code = rest.project_code(project)
    if code is None:
        return
    try:
        for workflow in rest.workflows(code):
            _remove_runs(server, code, workflow.code)
            rest.release(code, workflow.code, "OFFLINE")
            rest.delete_workflow(code, workflow.code)
        rest.delete_project(code, project)
    except ServerError as error:
        raise RunError(
            f"the project {project!r} was left on the server: {error.message}",
            hint="delete it on the web page: its runs, its workflow, then the project",
        ) from error


def _remove_runs(server: Server, code: int, workflow: int) -> None:
    """Delete the runs of a workflow, once they have ended.

    They are short, so their end is waited for: 3.1, told to stop a run at the moment in which one of its tasks starts,
    leaves it "ready to stop" for good, and a run in that state cannot be deleted.
    """
    rest = server.rest
    for run in rest.newest_instances(code, workflow, 100):
        if not _ended(rest, code, run.id, RUN_PATIENCE):
            rest.execute(code, run.id, "STOP")
            _ended(rest, code, run.id, STOP_PATIENCE)
        rest.delete_run(code, run.id)


def _ended(rest: RestClient, code: int, instance: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while map_state(rest.instance(code, instance).state) not in FINAL_STATES:
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


# ------------------------------------------------------------------ judging


def judge_shell(task: TaskReport, tenant: str) -> Iterator[Check]:
    """What the SHELL task tells: the OS user and sh."""
    found = facts(task.log)
    if found is None:
        error = last_error(task.log)
        if any(word in error.lower() for word in ("sudo", "unknown user", "tenant", "not exist")):
            remedy = (
                f"make the OS user {tenant!r} on every worker (useradd {tenant}; or worker.tenant-auto-create=true), "
                "let the worker's user call sudo without a password, or set sudo.enable=false in common.properties"
            )
        else:
            remedy = "look at the worker's log"
        yield problem("tasks start", f"a SHELL task ended {task.state}: {error}", remedy)
        return
    if found["user"] == tenant:
        yield ok("tasks start", f"as the OS user {tenant!r}")
    else:
        yield warning(
            "tasks start", f"as the OS user {found['user']!r}, although the tenant is {tenant!r}",
            "set sudo.enable=true in the worker's common.properties, unless that is meant",
        )  # fmt: skip
    if found["sh_knows_source"]:
        yield ok("sh", "it is bash, or reads `source` like it")
    else:
        yield warning(
            "sh", "it does not know `source`, which environments and dolphinscheduler_env.sh may use",
            "on the worker: ln -sf bash /bin/sh (Debian, Ubuntu: dpkg-reconfigure dash)",
        )  # fmt: skip


def judge_python(task: TaskReport, series: Series, zookeeper: str, zookeeper_path: str) -> Iterator[Check]:
    """What the PYTHON task tells: the interpreter, its packages, the OpenMLDB cluster, free space."""
    set_it = f"dsflow bootstrap --environment dsflow --env {series.python_variable}=/path/to/bin/python3"
    found = facts(task.log)
    if found is None:
        yield problem(
            "Python", f"a PYTHON task ended {task.state}: {last_error(task.log)}",
            f"name an interpreter that the tenant may run, 3.8 or later: {set_it}",
        )  # fmt: skip
        return
    if found["python3"]:
        yield ok("Python", f"{found['executable']} ({found['version']})")
    else:
        yield problem(
            "Python", f"there is no python3 beside {found['executable']}, and OPENMLDB tasks run that one", set_it
        )
    yield from _modules(found)
    yield from _cluster(found, zookeeper, zookeeper_path)
    yield from _space(found)


def _modules(found: JsonDict) -> Iterator[Check]:
    python = found["python3"] or found["executable"]
    modules = found["modules"]
    for name, wanted in (
        ("openmldb", "openmldb==0.9.2' 'sqlalchemy>=1.4,<2"),
        ("sqlalchemy", "sqlalchemy>=1.4,<2"),
        ("pandas", "pandas"),
        ("pyarrow", "pyarrow"),
        ("sklearn", "scikit-learn"),
        ("xgboost", "xgboost"),
    ):
        module = modules[name]
        install = f"on every worker: {python} -m pip install '{wanted}'"
        if "error" in module:
            yield problem(f"package {name}", module["error"], install)
        elif name == "sqlalchemy" and not module["version"].startswith("1.4."):
            yield problem(
                "package sqlalchemy",
                f"{module['version']}: OPENMLDB tasks call execute() with a text, which only 1.4 takes", install,
            )  # fmt: skip
        else:
            yield ok(f"package {name}", f"{module['version'] or 'there'} ({module['file']})")


def _cluster(found: JsonDict, zookeeper: str, zookeeper_path: str) -> Iterator[Check]:
    place = f"{zookeeper}{zookeeper_path}"
    cluster = found.get("openmldb")
    if cluster is None:
        yield problem("OpenMLDB", "not asked: the packages above are missing on the worker", "install them")
        return
    if "select" not in cluster:
        yield problem(
            "OpenMLDB", f"the worker does not reach {place}: {cluster.get('error')}",
            "is the cluster running, and do workers reach its ZooKeeper and tablets? Give the right address with "
            "--zookeeper HOST:PORT --zookeeper-path PATH",
        )  # fmt: skip
        return
    yield ok("OpenMLDB", f"{place} answers the worker")
    components = cluster.get("components")
    if components is None:
        yield problem("TaskManager", f"SHOW COMPONENTS failed: {cluster.get('error')}", "look at the name server's log")
        return
    managers = [row for row in components if any(v.lower() == "taskmanager" for v in row)]
    if any(v.lower() == "online" for row in managers for v in row):
        yield ok("TaskManager", f"{managers[0][0]} is online")
    else:
        yield problem(
            "TaskManager", "no TaskManager is online: offline jobs (LOAD DATA, SELECT INTO OUTFILE) would fail",
            "start one (bin/start-all.sh, or bin/start.sh start taskmanager)",
        )  # fmt: skip


def _space(found: JsonDict) -> Iterator[Check]:
    for folder in found["folders"]:
        free = folder["free"]
        detail = f"{free / GIB:.1f} GiB free in {folder['path']}"
        remedy = "make room: features and models are written there"
        if not folder["writable"]:
            yield problem("disk", f"the tenant may not write into {folder['path']}", "let it, or choose another folder")
        elif free < TOO_LITTLE:
            yield problem("disk", detail, remedy)
        elif free < LITTLE:
            yield warning("disk", detail, remedy)
        else:
            yield ok("disk", detail)


def judge_openmldb(task: TaskReport) -> Iterator[Check]:
    """Whether an OPENMLDB task runs from end to end."""
    if task.state == SUCCESS:
        yield ok("OPENMLDB task", "a statement ran")
    else:
        yield problem(
            "OPENMLDB task", f"it ended {task.state}: {last_error(task.log)}", "see the checks of Python and OpenMLDB"
        )


def judge_switch(report: RunReport) -> Iterator[Check]:
    """Whether a SWITCH takes the branch that it should."""
    switch, taken, other = (report.task(name) for name in (SWITCH, TAKEN, NOT_TAKEN))
    if switch.state == SUCCESS and taken.state == SUCCESS and other.state != SUCCESS:
        yield ok("SWITCH task", "it evaluates conditions")
    else:
        yield problem(
            "SWITCH task",
            f"it does not evaluate conditions (it ended {switch.state}, its branch {taken.state})",
            "the master needs a JavaScript engine: Java 8 has one; for Java 15 and later put nashorn-core and asm "
            "7.3.1 into master-server/libs, and for 17 start it with --add-opens java.base/java.lang=ALL-UNNAMED",
        )  # fmt: skip


def worst(checks: list[Check]) -> str:
    """The state of all checks together."""
    for state in (PROBLEM, WARNING):
        if any(check.state == state for check in checks):
            return state
    return OK
