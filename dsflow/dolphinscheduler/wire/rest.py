"""DolphinScheduler's REST API: one small method for each request that dsflow makes.

The same paths serve all series unless a method says otherwise. Every answer is an envelope
``{"code": 0, "msg": ..., "data": ...}``; a code other than 0 becomes a :class:`RefusedError` that says what was being
done. Only GET requests are repeated after a broken connection: nothing is ever sent twice that changes something.

A client may be used from several threads. Reads that do not need each other's answers are asked for side by side
(:meth:`RestClient.soon`), because most of a small request's time is the way there and back.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from dsflow.config import Profile
from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.wire.known import SERIES, series_of
from dsflow.dolphinscheduler.wire.rows import (
    Environment,
    Instance,
    Queue,
    Schedule,
    TaskRun,
    TaskVersion,
    Tenant,
    User,
    Version,
    WorkerGroup,
    WorkflowRow,
)
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import TASKS, WORKFLOW, Words
from dsflow.errors import ServerError, UnreachableError

if TYPE_CHECKING:
    import httpx

JsonDict = dict[str, Any]
T = TypeVar("T")

SIDE_BY_SIDE = 6  # reads of one client at once
PAGE_SIZE = 100
MAX_TASK_CODES = 99  # gen-task-codes refuses 100 and more
GET_ATTEMPTS = 3
LOG_LINES = 10_000
LOG_BYTES = 65_535  # both versions end an answer after this much, whatever number of lines was asked for

# org.apache.dolphinscheduler.api.enums.Status
PROJECT_EXISTS = 10019


class RestClient:
    """A connection to one server as one user.

    Args:
        profile: where to and as whom.
        timeout: seconds for one request.
        transport: an ``httpx`` transport in place of the network (for tests).
        sleep: how to wait between two attempts.

    Raises:
        ConfigError: the profile has no address or no credentials.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx

        self.url = profile.require_api()
        profile.require_credentials()
        self._profile = profile
        self._sleep = sleep
        self._session: str | None = None
        self._logging_in = threading.Lock()
        self._user: User | None = None
        self._candidates: tuple[Series, ...] = ()
        self._asking_series = threading.Lock()
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="dsflow-read")  # starts threads when needed
        address = urlsplit(self.url)
        local = address.hostname in ("127.0.0.1", "::1", "localhost")
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            transport=transport,
            follow_redirects=False,
            # a server on this machine is not reached through a proxy that the environment names for the internet
            trust_env=not local,
            # Loading the certificates of all authorities takes longer than a request, and plain HTTP has no use for
            # them. A context without any trusts nobody.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if address.scheme == "http" else True,
            headers={"Accept-Encoding": "identity"} if local else None,  # what has no way to go need not be packed
        )

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the log-in session ends on the server by itself."""
        self._pool.shutdown()
        self._http.close()

    def soon(self, read: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call ``read`` in another thread. It must not wait for another call of this kind."""
        return self._pool.submit(read, *arguments)

    # ---------------------------------------------------------------- the request

    def get(self, path: str, doing: str, **params: Any) -> Any:
        """``data`` of a GET; repeated when the connection broke."""
        return self._call("GET", path, doing, params=params)

    def post(self, path: str, doing: str, form: Mapping[str, Any] | None = None, **files: Any) -> Any:
        """``data`` of a form POST."""
        return self._call("POST", path, doing, form=form or {}, files=files or None)

    def put(self, path: str, doing: str, form: Mapping[str, Any]) -> Any:
        """``data`` of a form PUT."""
        return self._call("PUT", path, doing, form=form)

    def delete(self, path: str, doing: str) -> Any:
        """``data`` of a DELETE."""
        return self._call("DELETE", path, doing)

    def pages(self, path: str, doing: str, **params: Any) -> Iterator[JsonDict]:
        """All rows of a paged list, page after page."""
        page = 1
        while True:
            data = self.get(path, doing, pageNo=page, pageSize=PAGE_SIZE, **params)
            yield from data["totalList"]
            if page * PAGE_SIZE >= int(data["total"]):
                return
            page += 1

    def _call(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        json_body: JsonDict | None = None,
        sent: Callable[[], None] | None = None,
    ) -> Any:
        response = self._authenticated(
            method, path, doing, params=params, form=form, files=files, json_body=json_body, sent=sent
        )
        return self._unwrap(response, doing)

    def _authenticated(self, method: str, path: str, doing: str, **body: Any) -> httpx.Response:
        if self._profile.token:
            response = self._send(method, path, doing, {"token": self._profile.token}, **body)
            if response.status_code == 401:
                raise AuthenticationError(
                    f"{self.url} does not accept the access token",
                    hint="it may have expired: make a new one (Security > Token Manage), or set DSFLOW_USER and "
                    "DSFLOW_PASSWORD",
                )
            return response
        fresh = self._session is None
        session = self._session or self._log_in(None)
        response = self._send(method, path, doing, {"sessionId": session}, **body)
        if response.status_code == 401 and not fresh:
            # Another log-in of the same user, or a change of the user, ended our session.
            response = self._send(method, path, doing, {"sessionId": self._log_in(session)}, **body)
        if response.status_code == 401:
            raise AuthenticationError(f"{self.url} ended the session of user {self._profile.user!r} at once")
        return response

    def _log_in(self, ended: str | None) -> str:
        """A session other than the one that has ended; of several threads that need one, the first logs in for all."""
        with self._logging_in:
            if self._session is None or self._session == ended:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> str:
        form = {"userName": self._profile.user, "userPassword": self._profile.password}
        doing = f"log in as {self._profile.user!r}"
        response = self._send("POST", "/login", doing, {}, form=form)
        if response.status_code == 401:
            raise AuthenticationError(self._log_in_refused("refused"))
        try:
            data = self._unwrap(response, doing)
        except RefusedError as error:
            if error.code is None:
                raise
            raise AuthenticationError(
                self._log_in_refused(error.reason), hint="check DSFLOW_USER and DSFLOW_PASSWORD"
            ) from error
        self._http.cookies.clear()
        return str(data["sessionId"])

    def _log_in_refused(self, reason: str) -> str:
        return f"{self.url} does not let user {self._profile.user!r} in: {reason}"

    def _send(
        self,
        method: str,
        path: str,
        doing: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        json_body: JsonDict | None = None,
        sent: Callable[[], None] | None = None,
    ) -> httpx.Response:
        import httpx

        def trace(event: str, info: Mapping[str, Any]) -> None:
            if sent is not None and event == "http11.send_request_body.complete":
                sent()

        attempts = GET_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._http.request(
                    method,
                    self.url + path,
                    params=params,
                    data=form,
                    files=files,
                    json=json_body,
                    headers={**headers, "language": "en_US"},
                    extensions={"trace": trace} if sent is not None else None,
                )
            except httpx.HTTPError as error:
                refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if attempt == attempts or (refused and attempt > 1):
                    raise self._unreachable(doing, error) from error
                self._sleep(0.2 * attempt)
            except httpx.InvalidURL as error:
                raise UnreachableError(f"api_url {self.url!r} is no valid address: {error}") from error
        raise AssertionError("unreachable")

    def _unreachable(self, doing: str, error: Exception) -> UnreachableError:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            what = f"no answer from {self.url} within the time limit"
        elif isinstance(error, httpx.ConnectError):
            what = f"no DolphinScheduler answers at {self.url}: {error}"
        else:
            what = f"the connection to {self.url} broke: {error or type(error).__name__}"
        return UnreachableError(
            f"could not {doing}: {what}", hint="is the server running, and is DSFLOW_API_URL (or api_url) right?"
        )

    def _unwrap(self, response: httpx.Response, doing: str) -> Any:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or "code" not in body:
            raise self._no_envelope(response, doing)
        code = int(body["code"])  # sometimes a string
        if code != 0:
            raise RefusedError(doing, _first_line(body.get("msg")), code=code)
        return body.get("data")

    def _no_envelope(self, response: httpx.Response, doing: str) -> ServerError:
        hint = None
        if response.status_code in (301, 302, 404, 405) or "html" in response.headers.get("content-type", ""):
            hint = "api_url must lead to the REST API, such as http://host:12345/dolphinscheduler"
        kind = response.headers.get("content-type", "nothing").split(";")[0]
        return RefusedError(
            doing, f"{response.request.url.copy_with(query=None)} answered {response.status_code} with {kind}, "
            "not with DolphinScheduler's JSON", hint=hint,
        )  # fmt: skip

    # ---------------------------------------------------------------- the server and the user

    def series(self) -> Series:
        """The release series of the server.

        Those that tell their version are asked for it; of the others it is the newest one whose monitor answers.

        Raises:
            ServerError: the server tells a version that dsflow does not know.
        """
        candidates = self.possible_series()
        if len(candidates) > 1:
            with self._asking_series:
                if len(self._candidates) > 1:
                    self._candidates = (self._by_monitor(self._candidates),)
                candidates = self._candidates
        return candidates[0]

    def possible_series(self) -> tuple[Series, ...]:
        """The series that the server may be of: one, or those that tell no version."""
        with self._asking_series:
            if not self._candidates:
                self._candidates = self._by_version()
            return self._candidates

    def _by_version(self) -> tuple[Series, ...]:
        try:
            told = self.get("/ui-plugins/query-product-info", "find out the server's version")
        except RefusedError:
            return tuple(series for series in SERIES if not series.tells_version)
        version = str((told or {}).get("version"))
        numbers = re.match(r"(\d+)\.(\d+)", version)
        found = series_of((int(numbers[1]), int(numbers[2]))) if numbers else SERIES[0]
        if found is None:
            raise ServerError(
                f"{self.url} is DolphinScheduler {version}, which dsflow does not know",
                hint=f"it works with {', '.join(str(series) for series in reversed(SERIES))}",
            )
        return (found,)

    def _by_monitor(self, candidates: tuple[Series, ...]) -> Series:
        for series in candidates[:-1]:
            try:
                self.get(series.masters, "find out the server's version")
            except RefusedError:
                continue
            return series
        self.get(candidates[-1].masters, "find out the server's version")
        return candidates[-1]

    def called(self, what: Callable[[Series], T]) -> T:
        """What the server's series calls something; the server is asked no more than what that needs."""
        names = {what(series) for series in SERIES}
        if len(names) > 1:
            names = {what(series) for series in self.possible_series()}
        return names.pop() if len(names) == 1 else what(self.series())

    @property
    def words(self) -> Words:
        """The words of the server's answers."""
        return self.called(lambda series: series.words)

    def _workflows(self, project: int, *below: object) -> str:
        name = self.called(lambda series: series.workflows)
        return "/".join(map(str, (f"/projects/{project}/{name}", *below)))

    def _runs(self, project: int, *below: object) -> str:
        name = self.called(lambda series: series.runs)
        return "/".join(map(str, (f"/projects/{project}/{name}", *below)))

    def masters(self) -> list[JsonDict]:
        """The masters that are alive."""
        return list(self.get(self.series().masters, "list the masters") or [])

    def workers(self) -> list[JsonDict]:
        """The workers that are alive, with what they say of themselves."""
        return list(self.get(self.series().workers, "list the workers") or [])

    def user(self, *, refresh: bool = False) -> User:
        """The user that the credentials belong to."""
        if self._user is None or refresh:
            user = User.of(self.get("/users/get-user-info", "ask who the user is"))
            if not user.tenant and user.tenant_id:
                # 3.1 gives an administrator's tenant by its id only.
                codes = {tenant.id: tenant.code for tenant in self.tenants()}
                user = replace(user, tenant=codes.get(user.tenant_id))
            self._user = user
        return self._user

    def users(self) -> list[User]:
        """Every user (administrators only)."""
        return [User.of(row) for row in self.pages("/users/list-paging", "list the users")]

    def bind_tenant(self, user: User, tenant: int) -> None:
        """Give a user another tenant; what else the form holds stays as it is.

        Args:
            tenant: its id.
        """
        # Without the time zone: a user without one is shown with the server's, and a missing one is left alone. An
        # empty password leaves the password alone.
        form = {
            "id": user.id, "userName": user.name, "email": user.email, "phone": user.phone, "queue": user.queue,
            "state": user.state, "tenantId": tenant, "userPassword": "",
        }  # fmt: skip
        self.post("/users/update", f"update user {user.name!r}", form)

    def tenants(self) -> list[Tenant]:
        """Every tenant."""
        return [Tenant.of(row) for row in self.get("/tenants/list", "list the tenants")]

    def create_tenant(self, code: str, queue_id: int, description: str) -> None:
        """Create a tenant."""
        form = {"tenantCode": code, "queueId": queue_id, "description": description}
        self.post("/tenants", f"create tenant {code!r}", form)

    def queues(self) -> list[Queue]:
        """Every YARN queue."""
        return [Queue.of(row) for row in self.get("/queues/list", "list the queues")]

    def worker_groups(self) -> list[str]:
        """The names of the worker groups."""
        return [str(n) for n in self.get("/worker-groups/all", "list the worker groups")]

    def worker_addresses(self) -> list[str]:
        """The workers that are alive, as ``host:port``."""
        return [str(a) for a in self.get("/worker-groups/worker-address-list", "list the workers")]

    def whole_worker_groups(self) -> list[WorkerGroup]:
        """Every worker group with its workers (administrators only)."""
        return [WorkerGroup.of(row) for row in self.pages("/worker-groups", "list the worker groups")]

    def save_worker_group(self, number: int, name: str, addresses: list[str], description: str) -> None:
        """Make a worker group (``number`` 0), or replace the one with this id."""
        form = {"id": number, "name": name, "addrList": ",".join(addresses), "description": description}
        self.post("/worker-groups", f"save worker group {name!r}", {**form, "otherParamsJson": ""})

    def environments(self) -> list[Environment]:
        """Every environment."""
        rows = self.get("/environment/query-environment-list", "list the environments")
        return [Environment.of(row) for row in rows]

    def create_environment(self, name: str, config: str, description: str, worker_groups: list[str]) -> None:
        """Create an environment bound to ``worker_groups``."""
        form = {"name": name, "config": config, "description": description, "workerGroups": json.dumps(worker_groups)}
        self.post("/environment/create", f"create environment {name!r}", form)

    def update_environment(self, code: int, name: str, config: str, description: str, worker_groups: list[str]) -> None:
        """Replace an environment's content."""
        form = {
            "code": code,
            "name": name,
            "config": config,
            "description": description,
            "workerGroups": json.dumps(worker_groups),
        }
        self.post("/environment/update", f"update environment {name!r}", form)

    def alert_groups(self) -> list[JsonDict]:
        """Every alert group: ``id``, ``groupName``."""
        return cast("list[JsonDict]", self.get("/alert-groups/list", "list the alert groups"))

    def task_groups(self) -> list[JsonDict]:
        """Every task group: ``id``, ``name``, ``projectCode``."""
        return list(self.pages("/task-group/list-paging", "list the task groups"))

    def datasources(self) -> list[JsonDict]:
        """Every datasource: ``id``, ``name``, ``type``."""
        return list(self.pages("/datasources", "list the datasources"))

    def udfs(self) -> list[JsonDict]:
        """Every UDF: ``id``, ``funcName``; where the server keeps none, none."""
        if not self.called(lambda series: series.has_udfs):
            return []
        return list(self.pages("/resources/udf-func", "list the UDFs"))

    def k8s_namespaces(self) -> list[JsonDict]:
        """The namespaces of K8s clusters that the user may use: ``namespace``, ``clusterName``."""
        return list(self.get("/k8s-namespace/available-list", "list the K8s namespaces") or [])

    def resources(self) -> list[JsonDict]:
        """The tree of files in the resource centre: ``id`` (3.1), ``fullName``, ``children``."""
        return cast("list[JsonDict]", self.get("/resources/list", "list the resources", type="FILE", fullName=""))

    def resource_base(self) -> str:
        """3.2 only: where the store of files begins, such as ``file:/dolphinscheduler``."""
        return str(self.get("/resources/base-dir", "ask for the folder of the resources", type="FILE"))

    # ---------------------------------------------------------------- projects and workflows

    def projects(self) -> list[JsonDict]:
        """The projects that the user may see: ``code``, ``name``."""
        return list(self.pages("/projects", "list the projects"))

    def project_code(self, name: str) -> int | None:
        """The code of the project of that name, or None."""
        for row in self.pages("/projects", f"look for project {name!r}", searchVal=name):
            if row["name"] == name:
                return int(row["code"])
        return None

    def create_project(self, name: str, description: str) -> int:
        """Create a project; gives its code.

        Raises:
            ServerError: there is one of that name, which the user may not see.
        """
        form = {"projectName": name, "description": description, "userName": self.user().name}
        try:
            data = self.post("/projects", f"create project {name!r}", form)
        except RefusedError as error:
            if error.code != PROJECT_EXISTS:
                raise
            raise ServerError(
                f"project {name!r} exists, but user {self.user().name!r} may not see it",
                hint="let an administrator grant it: Security > User Manage > Authorize > Project",
            ) from error
        return int(data["code"])

    def workflows(self, project: int) -> list[WorkflowRow]:
        """The workflows of a project."""
        return [WorkflowRow.of(row) for row in self.pages(self._workflows(project), "list the workflows")]

    def workflows_named(self, project: int, text: str, doing: str) -> Iterator[WorkflowRow]:
        """The workflows of a project in whose names a text stands.

        Args:
            doing: what for, for errors, such as ``look for the lock``.
        """
        return map(WorkflowRow.of, self.pages(self._workflows(project), doing, searchVal=text))

    def workflow_code(self, project: int, name: str) -> int | None:
        """The code of the workflow of that name, or None."""
        for row in self.workflows_named(project, name, f"look for workflow {name!r}"):
            if row.name == name:
                return row.code
        return None

    def workflow(self, project: int, code: int, *, sent: Callable[[], None] | None = None) -> JsonDict:
        """``workflow``, ``edges`` and ``tasks`` of a workflow.

        Args:
            sent: is called when the request has gone out, each time that it does.
        """
        return self.words.read(self._call("GET", self._workflows(project, code), f"read workflow {code}", sent=sent))

    def create_workflow(self, project: int, form: Mapping[str, Any]) -> int:
        """Make an offline workflow; gives its code. See :func:`dsflow.dolphinscheduler.wire.forms.content_form`."""
        return int(self.post(self._workflows(project), f"create workflow {form['name']!r}", form)["code"])

    def update_workflow(self, project: int, code: int, doing: str, form: Mapping[str, Any]) -> None:
        """Replace the content of an offline workflow; see :func:`dsflow.dolphinscheduler.wire.forms.workflow_form`."""
        self.put(self._workflows(project, code), doing, form)

    def task(self, project: int, code: int) -> JsonDict | None:
        """A task of some workflow of the project, as it stands by itself; None when there is none of that code."""
        try:
            row = self.get(f"/projects/{project}/task-definition/{code}", f"look for task {code}")
        except RefusedError:
            return None
        return None if row is None else self.words.task(row)

    def task_codes(self, project: int, count: int) -> list[int]:
        """``count`` codes that no task has yet."""
        path = f"/projects/{project}/task-definition/gen-task-codes"

        def reserve(number: int) -> list[int]:
            return [int(c) for c in self.get(path, "reserve task codes", genNum=number)]

        numbers = [min(MAX_TASK_CODES, count - begin) for begin in range(0, count, MAX_TASK_CODES)]
        parts = [self.soon(reserve, n) for n in numbers] if len(numbers) > 1 else [reserve(n) for n in numbers]
        return [code for part in parts for code in (part.result() if isinstance(part, Future) else part)]

    def release(self, project: int, code: int, state: str) -> None:
        """Set a workflow ``ONLINE`` or ``OFFLINE``; the latter takes its schedule offline too."""
        path = self._workflows(project, code, "release")
        self.post(path, f"set workflow {code} {state}", {"releaseState": state})

    def create_empty_workflow(self, project: int, name: str, description: str) -> int:
        """Create an offline workflow that runs nothing; gives its code. Refused when the name is taken.

        It has no tasks; where the server refuses such a workflow, one that does nothing.
        """
        doing = f"create workflow {name!r}"
        form: JsonDict = {"name": name, "description": description, "globalParams": "[]", "timeout": 0}
        if self.series().needs_task:
            form.update(executionType="PARALLEL", **_one_task(self.task_codes(project, 1)[0]))
            data = self.post(self._workflows(project), doing, form)
        elif not self.series().has_v2:
            form.update(tenantCode=self.user().tenant or "", executionType="PARALLEL")
            data = self.post(self._workflows(project, "empty"), doing, form)
        else:
            form.update(projectCode=project, releaseState="OFFLINE", warningGroupId=0, executionType="PARALLEL")
            data = self._call("POST", "/v2/workflows", doing, json_body=form)
        return int(data["code"])

    def rename_empty_workflow(self, project: int, code: int, name: str, description: str) -> None:
        """Give what :meth:`create_empty_workflow` made another name. Refused when the name is taken."""
        doing = f"rename workflow {code} to {name!r}"
        form: JsonDict = {"name": name, "description": description, "executionType": "PARALLEL"}
        if self.series().needs_task:
            form.update(globalParams="[]", timeout=0, releaseState="OFFLINE")
            form.update(_one_task(int(self.workflow(project, code)[TASKS][0]["code"])))
            self.put(self._workflows(project, code), doing, form)
        elif not self.series().has_v2:
            form.update(globalParams="[]", timeout=0, tenantCode=self.user().tenant or "")
            form.update(scheduleJson="", otherParamsJson="", releaseState="OFFLINE")
            self.put(self._workflows(project, code, "basic-info"), doing, form)
        else:
            self._call("PUT", f"/v2/workflows/{code}", doing, json_body={**form, "releaseState": "OFFLINE"})

    def delete_project(self, code: int, name: str) -> None:
        """Delete a project without workflows.

        Args:
            name: for the error.
        """
        self.delete(f"/projects/{code}", f"delete project {name!r}")

    def delete_workflow(self, project: int, code: int, name: str = "") -> None:
        """Delete an offline workflow and its tasks.

        Args:
            name: for the error.
        """
        doing = f"delete workflow {repr(name) if name else code}"
        self.delete(self._workflows(project, code), doing)

    def versions(self, project: int, code: int) -> list[Version]:
        """The versions that the server keeps of a workflow, newest first."""
        rows = self.pages(self._workflows(project, code, "versions"), f"list versions of {code}")
        return sorted(map(Version.of, rows), key=lambda v: -v.version)

    def task_versions(self, project: int, task: int) -> list[TaskVersion]:
        """The versions that the server keeps of a task."""
        path = f"/projects/{project}/task-definition/{task}/versions"
        rows = self.pages(path, f"list versions of task {task}")
        return [TaskVersion.of(self.words.task(row)) for row in rows]

    def switch_version(self, project: int, code: int, version: int) -> None:
        """Make an earlier version of an offline workflow the current one (a GET that changes: safe to repeat)."""
        path = self._workflows(project, code, "versions", version)
        self.get(path, f"switch workflow {code} to version {version}")

    # ---------------------------------------------------------------- schedules

    def schedules(self, project: int, workflow: int) -> list[Schedule]:
        """The schedules of a workflow (3.1 lets one make several)."""
        path = f"/projects/{project}/schedules"
        rows = self.pages(path, "list the schedules", **self.words.form({"workflowCode": workflow}))
        return [Schedule.of(self.words.row(row)) for row in rows]

    def project_schedules(self, project: int) -> list[Schedule]:
        """The schedules of all workflows of a project, in one request."""
        rows = self.post(f"/projects/{project}/schedules/list", "list the project's schedules") or []
        return [Schedule.of(self.words.row(row)) for row in rows]

    def delete_schedule(self, project: int, schedule: int) -> None:
        """Delete an offline schedule."""
        self.delete(f"/projects/{project}/schedules/{schedule}", f"delete schedule {schedule}")

    def preview_schedule(self, project: int, schedule: str) -> list[str]:
        """The next times of a schedule that is not made yet; refused when its crontab is not valid."""
        data = self.post(f"/projects/{project}/schedules/preview", "check the schedule", {"schedule": schedule})
        return [str(t) for t in data or []]

    def create_schedule(self, project: int, workflow: int, form: Mapping[str, Any]) -> None:
        """Create a schedule on an ONLINE workflow; it starts offline."""
        whole = self.words.form({**form, "workflowCode": workflow})
        self.post(f"/projects/{project}/schedules", "create the schedule", whole)

    def update_schedule(self, project: int, schedule: int, form: Mapping[str, Any]) -> None:
        """Change an offline schedule."""
        path = f"/projects/{project}/schedules/{schedule}"
        self.put(path, f"update schedule {schedule}", self.words.form(dict(form)))

    def release_schedule(self, project: int, schedule: int, online: bool) -> None:
        """Set a schedule online (the workflow must be) or offline."""
        state = "online" if online else "offline"
        self.post(f"/projects/{project}/schedules/{schedule}/{state}", f"set schedule {schedule} {state}")

    # ---------------------------------------------------------------- runs

    def start(self, project: int, form: Mapping[str, Any]) -> list[int]:
        """Start a workflow; gives 3.2's trigger code, from 3.3 on the ids of the runs, and nothing on 3.1."""
        path = f"/projects/{project}/executors/{self.called(lambda series: series.start)}"
        data = self.post(path, "start the workflow", self.words.form(dict(form)))
        return [int(value) for value in (data if isinstance(data, list) else [data]) if value is not None]

    def execute(self, project: int, instance: int, action: str) -> None:
        """STOP, PAUSE, or one of those of :mod:`dsflow.dolphinscheduler.wire.forms`, on a run."""
        form = self.words.form({"runId": instance, "executeType": action})
        self.post(f"/projects/{project}/executors/execute", f"{action.lower()} run {instance}", form)

    def instances_of_trigger(self, project: int, trigger: int) -> list[Instance]:
        """3.2 only: the instances that one start made."""
        path = self._runs(project, "trigger")
        rows = self.get(path, "look for the run that was started", triggerCode=trigger) or []
        return [Instance.of(self.words.row(row)) for row in rows]

    def newest_instances(self, project: int, workflow: int, count: int = 20) -> list[Instance]:
        """The newest instances of a workflow, newest first."""
        of = {self.called(lambda series: series.runs_of): workflow}
        data = self.get(self._runs(project), "list the runs", **of, pageNo=1, pageSize=count)
        return [Instance.of(self.words.row(row)) for row in data["totalList"]]

    def instance(self, project: int, instance: int) -> Instance:
        """One run; its workflow and tasks are those of the version that it ran, where the server tells them."""
        row = self.words.read(self.get(self._runs(project, instance), f"read run {instance}"))
        drawn = row.pop("dagData", None)
        if isinstance(drawn, dict):
            ran = self.words.read(drawn)
            row |= {part: row.get(part) or ran.get(part) for part in (WORKFLOW, TASKS)}
        return Instance.of(row)

    def delete_run(self, project: int, instance: int) -> None:
        """Delete a run that has ended."""
        self.delete(self._runs(project, instance), f"delete run {instance}")

    def task_instances(self, project: int, instance: int) -> list[TaskRun]:
        """The task instances of a process instance, of each task the newest attempt."""
        data = self.get(self._runs(project, instance, "tasks"), f"read the tasks of run {instance}")
        return [TaskRun.of(self.words.task(row)) for row in data["taskList"]]

    def task_attempts(self, project: int, instance: int) -> list[TaskRun]:
        """The task instances of a process instance, also those that a retry or a recovery has replaced."""
        path = f"/projects/{project}/task-instances"
        of = self.words.form({"runId": instance})
        rows = self.pages(path, f"read the tasks of run {instance}", **of)
        return [TaskRun.of(self.words.task(row)) for row in rows]

    def log(self, task_instance: int) -> str:
        """The whole log of a task instance."""
        parts: list[str] = []
        skip = 0
        while True:
            data = self.get(
                "/log/detail", f"read the log of task instance {task_instance}",
                taskInstanceId=task_instance, skipLineNum=skip, limit=LOG_LINES,
            )  # fmt: skip
            if isinstance(data, str):
                return data
            text = data.get("message") or ""
            parts.append(text)
            lines = int(data.get("lineNum") or 0)
            if not text or not lines or (lines < LOG_LINES and len(text.encode()) < LOG_BYTES):
                return "".join(parts)
            skip += lines

    def log_part(self, task_instance: int, skip: int) -> tuple[str, int]:
        """What a task instance's log holds after its first ``skip`` lines, and how many lines those are."""
        data = self.get(
            "/log/detail", f"read the log of task instance {task_instance}",
            taskInstanceId=task_instance, skipLineNum=skip, limit=LOG_LINES,
        )  # fmt: skip
        if isinstance(data, str):
            data = {"message": data, "lineNum": data.count("\n")}
        text = data.get("message") or ""
        return text, int(data.get("lineNum") or 0) if text else 0  # an empty answer counts one line

    # ---------------------------------------------------------------- export and import

    def export(self, project: int, codes: list[int]) -> Any:
        """The web page's export of some workflows."""
        form = {"codes": ",".join(map(str, codes))}
        response = self._authenticated("POST", self._workflows(project, "batch-export"), "export workflows", form=form)
        body = response.json()
        if isinstance(body, dict) and "code" in body:
            return self._unwrap(response, "export workflows")
        return [self.words.read(entry) for entry in body]

    def import_workflows(self, project: int, exported: Any) -> Any:
        """Import workflows in dsflow's words; the server renames each and gives its tasks new codes."""
        content = json.dumps([self.words.write(entry) for entry in exported]).encode()
        file = ("workflows.json", content, "application/json")
        return self.post(self._workflows(project, "import"), "import workflows", file=file)


def _one_task(code: int) -> JsonDict:
    """The content of a workflow whose only task does nothing; it has what a server of 3.3 or later asks for."""
    edge = {
        "name": "", "preTaskCode": 0, "preTaskVersion": 0, "postTaskCode": code, "postTaskVersion": 0,
        "conditionType": "NONE", "conditionParams": {},
    }  # fmt: skip
    task = {
        "code": code, "name": "nothing", "version": 0, "description": "", "delayTime": 0, "taskType": "SHELL",
        "taskParams": {"localParams": [], "resourceList": [], "rawScript": ":"}, "flag": "YES",
        "taskPriority": "MEDIUM", "workerGroup": "default", "environmentCode": -1, "failRetryTimes": 0,
        "failRetryInterval": 1, "timeoutFlag": "CLOSE", "timeoutNotifyStrategy": None, "timeout": 0, "taskGroupId": 0,
        "taskGroupPriority": 0, "cpuQuota": -1, "memoryMax": -1, "taskExecuteType": "BATCH",
    }  # fmt: skip
    return {"taskRelationJson": json.dumps([edge]), "taskDefinitionJson": json.dumps([task])}


def _first_line(text: Any) -> str:
    lines = str(text or "no reason given").strip().splitlines()
    return lines[0] if lines else "no reason given"
