"""The REST client against a transport that plays the server."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast
from urllib.parse import parse_qs

import httpx
import pytest

from dsflow.config import Profile
from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.lock import Lock, Spares, is_dead, lock_name, submit_lock
from dsflow.dolphinscheduler.wire import v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.names import server_names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import User, WorkflowRow
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.errors import ServerError, UnreachableError

PROFILE = Profile(api_url="http://ds.example/dolphinscheduler", user="anna", password="secret")
Handler = Callable[[httpx.Request], httpx.Response]

PRODUCT = "/ui-plugins/query-product-info"


def ok(data: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"code": 0, "msg": "success", "data": data})


def refused(code: int, msg: str) -> httpx.Response:
    return httpx.Response(200, json={"code": code, "msg": msg, "data": None})


ANNA = {"id": 1, "userName": "anna", "tenantCode": "ml"}


class Played:
    """A server that answers by path and remembers what it was asked.

    Args:
        series: which the client has found out already.
    """

    def __init__(self, answers: dict[str, Any], profile: Profile = PROFILE, series: Series | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self.answers = {"/login": lambda request: ok({"sessionId": f"s{len(self.asked)}"}), **answers}
        self.slept: list[float] = []
        self.client = RestClient(profile, transport=httpx.MockTransport(self.answer), sleep=self.slept.append)
        self.client._candidates = (series,) if series else ()

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[request.url.path.removeprefix("/dolphinscheduler")]
        result = answer(request) if callable(answer) else answer
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, httpx.Response)
        return result

    @property
    def paths(self) -> list[str]:
        return [r.url.path.removeprefix("/dolphinscheduler") for r in self.asked]


def test_it_logs_in_once_and_sends_the_session() -> None:
    server = Played({"/projects": ok({"totalList": [], "total": 0})})
    server.client.projects()
    server.client.projects()
    assert server.paths == ["/login", "/projects", "/projects"]
    assert server.asked[1].headers["sessionId"] == server.asked[2].headers["sessionId"] == "s1"
    assert parse_qs(server.asked[0].content.decode()) == {"userName": ["anna"], "userPassword": ["secret"]}


def test_an_ended_session_is_renewed_once() -> None:
    gone = {"s1"}
    server = Played(
        {"/worker-groups/all": lambda r: httpx.Response(401) if r.headers["sessionId"] in gone else ok(["default"])}
    )
    server.client._session = "s1"
    assert server.client.worker_groups() == ["default"]
    assert server.paths == ["/worker-groups/all", "/login", "/worker-groups/all"]


def test_a_token_needs_no_log_in_and_is_not_shown() -> None:
    profile = Profile(api_url="http://ds.example/dolphinscheduler", token="t0ken")
    server = Played({"/worker-groups/all": httpx.Response(401)}, profile)
    with pytest.raises(AuthenticationError, match="access token") as error:
        server.client.worker_groups()
    assert server.paths == ["/worker-groups/all"]
    assert "t0ken" not in str(error.value)


def test_a_wrong_password() -> None:
    server = Played({"/login": refused(10013, "user name or password error")})
    with pytest.raises(AuthenticationError, match="'anna' in: user name or password error") as error:
        server.client.worker_groups()
    assert "secret" not in str(error.value)


def test_a_refusal_says_what_was_done_and_why() -> None:
    server = Played(
        {"/projects/1/process-definition/2": refused(50003, "process definition 2 not exist\nat java.lang")},
        series=v3_2.SERIES,
    )
    with pytest.raises(RefusedError) as error:
        server.client.workflow(1, 2)
    assert str(error.value) == "could not read workflow 2: process definition 2 not exist (error 50003)"
    assert error.value.code == 50003


def test_a_code_may_be_a_text() -> None:
    server = Played({"/worker-groups/all": httpx.Response(200, json={"code": "0", "msg": "", "data": []})})
    assert server.client.worker_groups() == []


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(404, html="<html>Not Found</html>"), httpx.Response(200, html="<html>login page</html>"),
     httpx.Response(302, headers={"location": "/ui"}), httpx.Response(200, json=["no envelope"]), httpx.Response(502)],
)  # fmt: skip
def test_an_answer_that_is_not_dolphinschedulers(answer: httpx.Response) -> None:
    server = Played({"/login": answer})
    with pytest.raises(RefusedError, match=f"answered {answer.status_code}"):
        server.client.worker_groups()


def test_only_reading_is_repeated() -> None:
    broken = httpx.ReadError("connection reset")
    answers = iter([broken, broken, ok(["default"])])
    server = Played({"/worker-groups/all": lambda r: next(answers), "/projects": broken})
    assert server.client.worker_groups() == ["default"]
    assert len(server.slept) == 2
    with pytest.raises(UnreachableError, match=r"make a project.*broke"):
        server.client.post("/projects", "make a project")
    assert server.paths.count("/projects") == 1


def test_nobody_there_and_nobody_answers() -> None:
    for error, words in ((httpx.ConnectError("refused"), "no DolphinScheduler answers at http://ds.example"),
                         (httpx.ReadTimeout("slow"), "time limit")):  # fmt: skip
        server = Played({"/login": error})
        with pytest.raises(UnreachableError, match=words):
            server.client.worker_groups()
        assert server.paths == ["/login"]


def test_lists_are_read_page_by_page() -> None:
    rows = [{"name": f"p{i}", "code": i} for i in range(250)]

    def page(request: httpx.Request) -> httpx.Response:
        number, size = int(request.url.params["pageNo"]), int(request.url.params["pageSize"])
        return ok({"totalList": rows[(number - 1) * size : number * size], "total": len(rows)})

    server = Played({"/projects": page})
    assert len(server.client.projects()) == 250
    assert server.client.project_code("p249") == 249
    assert server.client.project_code("p") is None


def test_task_codes_are_asked_for_in_portions_that_the_server_takes() -> None:
    asked: list[int] = []

    def codes(request: httpx.Request) -> httpx.Response:
        asked.append(int(request.url.params["genNum"]))
        return ok(list(range(asked[-1])))

    server = Played({"/projects/1/task-definition/gen-task-codes": codes})
    assert len(server.client.task_codes(1, 250)) == 250
    assert asked == [99, 99, 52]


def test_a_long_log_is_read_to_its_end() -> None:
    def log(request: httpx.Request) -> httpx.Response:
        skip = int(request.url.params["skipLineNum"])
        lines = min(10_000, 25_000 - skip)
        return ok({"lineNum": lines, "message": "x\n" * lines})

    assert Played({"/log/detail": log}).client.log(7).count("\n") == 25_000


def test_a_log_of_many_bytes_is_read_to_its_end() -> None:
    """As LogUtils.rollViewLogLines does it: the line that exceeds 65,535 bytes is the last of an answer."""
    lines = [f"{number} {'é' * 100}" for number in range(900)]

    def log(request: httpx.Request) -> httpx.Response:
        taken, size = [], 0
        for line in lines[int(request.url.params["skipLineNum"]) :]:
            taken.append(line + "\r\n")
            size += len(line.encode())
            if size >= 65_535:
                break
        return ok({"lineNum": len(taken) or 1, "message": "".join(taken)})

    assert Played({"/log/detail": log}).client.log(7).splitlines() == lines


def test_which_rest_api_the_server_speaks() -> None:
    user = ok({"id": 1, "userName": "anna", "tenantId": 3, "tenantCode": None})
    tenants = ok([{"id": 3, "tenantCode": "ml"}])
    common = {PRODUCT: httpx.Response(404, html="<html/>"), "/users/get-user-info": user, "/tenants/list": tenants}
    old = Played({**common, "/monitor/MASTER": httpx.Response(404, html="<html/>"), "/monitor/masters": ok([])})
    new = Played({**common, "/monitor/MASTER": ok([])})
    assert (old.client.series(), new.client.series()) == (v3_1.SERIES, v3_2.SERIES)
    assert old.client.user().tenant == "ml"
    assert new.paths.count(PRODUCT) == 1


@pytest.mark.parametrize(
    ("version", "series"), [("3.3.0", v3_3.SERIES), ("3.4.3", v3_4.SERIES), ("dev-SNAPSHOT", v3_4.SERIES)]
)
def test_a_server_that_tells_its_version_is_believed(version: str, series: Series) -> None:
    server = Played(
        {
            PRODUCT: ok({"version": version}),
            "/users/get-user-info": ok(ANNA),
        }
    )
    assert server.client.words is series.words
    assert server.client.series() is series
    assert server.paths.count(PRODUCT) == 1


def test_a_version_that_is_not_known_is_refused() -> None:
    server = Played(
        {
            PRODUCT: ok({"version": "4.0.1"}),
            "/users/get-user-info": ok(ANNA),
        }
    )
    with pytest.raises(
        ServerError, match=r"is DolphinScheduler 4\.0\.1, which dsflow does not know\n.*3\.1, 3\.2, 3\.3, 3\.4"
    ):
        server.client.series()


def test_a_lock_of_a_series_that_wants_a_task_has_one() -> None:
    form: dict[str, list[str]] = {}

    def write(request: httpx.Request) -> httpx.Response:
        form.update(parse_qs(request.content.decode()))
        return ok({"code": 7})

    path = "/projects/1/workflow-definition"
    task = {"workflowDefinition": {}, "workflowTaskRelationList": [], "taskDefinitionList": [{"code": 5}]}
    server = Played(
        {
            path: write,
            f"{path}/7": lambda request: ok(task) if request.method == "GET" else write(request),
            "/projects/1/task-definition/gen-task-codes": ok([5]),
        },
        series=v3_4.SERIES,
    )
    assert server.client.create_empty_workflow(1, "lock", "whose") == 7
    for name in ("lock", "another"):
        (edge,), (own,) = json.loads(form["taskRelationJson"][0]), json.loads(form["taskDefinitionJson"][0])
        assert (form["name"], edge["preTaskCode"], edge["postTaskCode"], own["code"]) == ([name], 0, 5, 5)
        server.client.rename_empty_workflow(1, 7, "another", "whose")


def test_a_start_tells_its_runs_where_the_server_does() -> None:
    for series, data, told in ((v3_1.SERIES, None, []), (v3_2.SERIES, [12], [12]), (v3_4.SERIES, [6, 7], [6, 7])):
        server = Played({f"/projects/1/executors/{series.start}": ok(data)}, series=series)
        assert server.client.start(1, {"workflowCode": 2}) == told
        assert parse_qs(server.asked[-1].content.decode()) == {series.words.name("workflowCode"): ["2"]}


@pytest.mark.parametrize(
    ("series", "nodes", "expected"),
    [
        (v3_1.SERIES, [{"id": 5, "fullName": "a.py", "children": [{"id": 6, "fullName": "/d/b.py"}]}],
         {"/a.py": 5, "/d/b.py": 6}),
        (v3_2.SERIES, [{"fullName": "file:/base/ml/resources/d",
                   "children": [{"fullName": "file:/base/ml/resources/d/b.py"}]},
                  {"fullName": "file:/base/other/resources/c.py"}],
         {"/d": "file:/base/ml/resources/d", "/d/b.py": "file:/base/ml/resources/d/b.py",
          "file:/base/other/resources/c.py": "file:/base/other/resources/c.py"}),
    ],
)  # fmt: skip
def test_files_are_named_below_the_tenants_folder(series: Any, nodes: Any, expected: Any) -> None:
    server = Played({"/resources/list": ok(nodes), "/resources/base-dir": ok("file:/base")})
    server.client._candidates = (series,)
    server.client._user = User(1, "anna", "ml")
    assert server_names(server.client).known("resource") == expected


def test_it_is_told_that_a_request_has_gone_out_before_its_answer_comes() -> None:
    """Over a socket: what is told, the HTTP library says."""
    gone, told = threading.Event(), []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"code": 0, "data": {"told": gone.wait(10)}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            return

    def sent() -> None:
        told.append("sent")
        gone.set()

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        profile = Profile(api_url=f"http://127.0.0.1:{server.server_port}", token="t")
        with RestClient(profile) as client:
            client._candidates = (v3_2.SERIES,)
            assert client.workflow(1, 2, sent=sent) == {"told": True}
        server.shutdown()
    assert told == ["sent"]


class Locks:
    """The part of a server that a lock needs."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.next = 1
        self.now = 0.0

    def create_empty_workflow(self, project: int, name: str, description: str) -> int:
        if name in self.held:
            raise RefusedError("create", "already exists", code=10168)
        self.held[name] = {"name": name, "code": self.next, "description": description}
        self.next += 1
        return self.next - 1

    def rename_empty_workflow(self, project: int, code: int, name: str, description: str) -> None:
        if name in self.held:
            raise RefusedError("rename", "already exists", code=10168)
        if all(row["code"] != code for row in self.held.values()):
            raise RefusedError("rename", "does not exist", code=50003)
        self.delete_workflow(project, code)
        self.held[name] = {"name": name, "code": code, "description": description}

    def workflows_named(self, project: int, text: str, doing: str) -> list[WorkflowRow]:
        return [WorkflowRow.of(row) for name, row in self.held.items() if text in name]

    def delete_workflow(self, project: int, code: int) -> None:
        self.held = {n: r for n, r in self.held.items() if r["code"] != code}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def soon(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(call(*arguments))
        return done

    def lock(self, workflow: str = "w", spares: Spares | None = None) -> AbstractContextManager[Lock]:
        rest = cast(RestClient, self)
        return submit_lock(rest, 1, workflow, sleep=self.sleep, clock=lambda: self.now, spares=spares)

    def spares(self) -> Spares:
        return Spares(cast(RestClient, self), sleep=self.sleep)

    def row(self, workflow: str = "w") -> WorkflowRow:
        return WorkflowRow.of(self.held[lock_name(workflow)])

    def left_behind(self, **changes: Any) -> None:
        """As by a process that was killed, or is about to be."""
        with self.lock() as lock:
            lock.keep = True
        self.held[lock_name("w")].update(changes)


def test_a_lock_is_held_and_let_go() -> None:
    locks = Locks()
    with locks.lock():
        assert list(locks.held) == [lock_name("w")]
        with locks.lock("another"):
            assert len(locks.held) == 2
    assert (locks.held, locks.now) == ({}, 0.0)
    with pytest.raises(KeyboardInterrupt), locks.lock():
        raise KeyboardInterrupt
    assert locks.held == {}


def test_a_lock_that_is_let_go_early_is_removed_once() -> None:
    locks = Locks()
    with locks.lock() as lock:
        lock.let_go()
        assert locks.held == {}
        with locks.lock() as other:  # another submit is faster than what is left to do here
            assert other.code != lock.code
            lock.let_go()
            assert list(locks.held) == [lock_name("w")]
    assert (locks.held, lock.stuck, other.stuck) == ({}, False, False)


def test_a_lock_of_the_unknown_is_waited_for_and_taken_over() -> None:
    locks = Locks()
    locks.left_behind(description="")
    with locks.lock() as lock:
        assert 120 < locks.now < 122
        assert (lock.taken_over, lock.waited > 119) == ("somebody", True)
    assert locks.held == {}


def test_a_lock_of_the_dead_is_taken_over_sooner() -> None:
    locks = Locks()
    locks.left_behind()
    assert is_dead(locks.row())
    with locks.lock() as lock:
        assert 10 < locks.now < 12
        assert lock.taken_over.endswith(f"process {os.getpid()}")
        assert not is_dead(locks.row())
    assert locks.held == {}


def test_of_another_machine_nobody_is_known_to_be_dead() -> None:
    locks = Locks()
    locks.left_behind()
    text = locks.held[lock_name("w")]["description"]
    assert is_dead(WorkflowRow.of({"description": re.sub(r"process \d+", "process 99999999", text)}))
    assert not is_dead(WorkflowRow.of({"description": re.sub(r"process \d+", "process 1", text)}))
    assert not is_dead(WorkflowRow.of({"description": re.sub(r"\(\w+/", "(other/", text)}))


def test_a_lock_whose_answers_were_lost() -> None:
    locks = Locks()
    create, delete = locks.create_empty_workflow, locks.delete_workflow
    answers = iter([UnreachableError("lost"), UnreachableError("lost")])

    def lose(what: Callable[..., Any]) -> Callable[..., Any]:
        def losing(*arguments: Any) -> Any:
            result = what(*arguments)
            for error in answers:
                raise error
            return result

        return losing

    locks.create_empty_workflow, locks.delete_workflow = lose(create), lose(delete)  # type: ignore[method-assign]
    with locks.lock() as lock:
        assert lock.code == locks.held[lock_name("w")]["code"]
    assert (locks.held, lock.stuck) == ({}, False)


def test_a_lock_that_is_done_becomes_the_next_one() -> None:
    locks = Locks()
    spares = locks.spares()
    for name in "abc":
        with locks.lock(name, spares):
            assert list(locks.held) == [lock_name(name)]
            assert not is_dead(locks.row(name))
    assert locks.next == 2  # only one was made
    assert not is_dead(locks.row("c"))
    assert spares.remove()
    assert locks.held == {}


def test_a_spare_that_is_gone_or_whose_next_name_is_taken() -> None:
    locks = Locks()
    spares = locks.spares()
    with locks.lock("a", spares):
        pass
    locks.held.clear()  # by somebody who thought that we were dead
    with locks.lock("b", spares):
        assert list(locks.held) == [lock_name("b")]
    locks.left_behind()
    with locks.lock("w", spares) as lock:
        assert lock.taken_over
        assert list(locks.held) == [lock_name("w")]
    spares.remove()
    assert locks.held == {}


def test_who_waits_holds_no_spares() -> None:
    """Two processes would wait for each other, each for a spare of the other's."""
    locks = Locks()
    ours = locks.spares()
    with locks.lock("a", ours), locks.lock("b", ours):
        pass
    assert set(locks.held) == {lock_name("a"), lock_name("b")}
    locks.left_behind(description="")
    seen: list[set[str]] = []
    sleep = locks.sleep

    def look(seconds: float) -> None:
        seen.append(set(locks.held))
        with locks.lock("c", ours):  # of another thread of ours
            pass
        sleep(seconds)

    locks.sleep = look  # type: ignore[method-assign]
    with locks.lock("w", ours):
        pass
    assert seen
    assert all(held == {lock_name("w")} for held in seen)


def test_a_spare_whose_renaming_got_lost() -> None:
    locks = Locks()
    spares = locks.spares()
    with locks.lock("a", spares):
        pass
    rename = locks.rename_empty_workflow
    lost = iter([False, True])

    def losing(*arguments: Any) -> None:
        """Once the request is lost, once the answer."""
        if next(lost):
            rename(*arguments)
        raise UnreachableError("lost")

    locks.rename_empty_workflow = losing  # type: ignore[method-assign]
    with locks.lock("b", spares) as lock:
        assert list(locks.held) == [lock_name("b")]
        assert lock.code == locks.held[lock_name("b")]["code"]
    assert spares.remove()
    assert locks.held == {}


def test_the_lock_of_a_long_name() -> None:
    one, other = ("w" * 254 + end for end in "ab")
    assert lock_name(one) != lock_name(other)
    assert len(lock_name(one)) == 255


def test_a_lock_that_cannot_be_made_is_an_error() -> None:
    locks: Any = Locks()

    def refuse(project: int, name: str, description: str) -> int:
        raise RefusedError("create", "no permission", code=30002)

    locks.create_empty_workflow = refuse
    with pytest.raises(RefusedError, match="no permission"), submit_lock(locks, 1, "w", sleep=locks.sleep):
        raise AssertionError("not reached")


def test_export_gives_the_file_in_our_words() -> None:
    content = [{"processDefinition": {"name": "w"}, "taskDefinitionList": [{"taskParams": {"processDefinition": 1}}]}]
    server = Played(
        {"/projects/1/process-definition/batch-export": httpx.Response(200, json=content)}, series=v3_2.SERIES
    )
    read = [{"workflow": {"name": "w"}, "tasks": [{"taskParams": {"processDefinition": 1}}]}]
    assert server.client.export(1, [2, 3]) == read
    assert parse_qs(server.asked[-1].content.decode()) == {"codes": ["2,3"]}
    refusing = Played(
        {"/projects/1/process-definition/batch-export": refused(10109, "export failed")}, series=v3_2.SERIES
    )
    with pytest.raises(RefusedError, match="export failed"):
        refusing.client.export(1, [2])


def test_import_sends_a_file() -> None:
    server = Played({"/projects/1/process-definition/import": ok()}, series=v3_2.SERIES)
    server.client.import_workflows(1, [{"a": "中文", "edges": [{"workflowCode": 1}]}])
    body = server.asked[-1].content
    assert b'name="file"' in body
    assert json.dumps([{"a": "中文", "processTaskRelationList": [{"processDefinitionCode": 1}]}]).encode() in body
