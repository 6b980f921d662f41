"""How long submitting takes, against pydolphinscheduler and against the server's own time, all from one run.

    python benchmarks/submit.py [--release apache-dolphinscheduler-3.2.2-bin.tar.gz] [--tasks 300]

A server (3.1.1 from Maven Central, or a release) is started for it and stopped at the end. Every measurement is a
fresh process, without its start and its imports; memory is the process's peak. The sides that are compared take turns,
and who begins changes from turn to turn; a ratio is the median of the ratios of the turns. The client of the version
must be installed: apache-dolphinscheduler 4.0.x for 3.1, 4.1.x for 3.2 (or name a folder that holds it with --client).
pydolphinscheduler itself does not work with 3.1.1, whose gateway answers it with no user: there it is left out.

The limit of a changed workflow is the server's own create-or-update call, timed within the same submit. What dsflow
adds is shown by its parts: the two reads of the whole workflow, the lock (removed beside the second of them), all
smaller reads (side by side, so that their times overlap), the time in which nothing was asked of the server, and the
processor time of dsflow itself. The call, the two reads and making the lock, one after the other, are what is left if
all else took no time.

The database of a server that is started so, H2, looks through all versions of all tasks for each read of a workflow:
reads take the longer the more versions there are. So what adds the most versions comes last.
"""

from __future__ import annotations

import argparse
import getpass
import itertools
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

PROJECT = "benchmark"
WITHOUT_PYDS = ("3.1.1",)
SMALL = 20  # tasks of a workflow to deploy
TARGETS = {
    "changed": 1.5,  # times the server's call
    "unchanged": 0.1,  # of pydolphinscheduler's time
    "reads": 2.0,  # a workflow
    "deploy": 5.0,  # seconds, for 100 workflows
}
WORKFLOW = """
from dsflow import Shell, Workflow

with Workflow({name!r}, project={project!r}) as wf:
    tasks = [Shell(f"t{{n:03}}", f"echo {text} {{n}}") for n in range({tasks})]
    for one, next in zip(tasks, tasks[1:]):
        one >> next
"""

Result = dict[str, Any]


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", help="an Apache release of DolphinScheduler, as an archive or a folder")
    parser.add_argument("--tasks", type=int, default=300, help="of the one workflow (default: %(default)s)")
    parser.add_argument("--workflows", type=int, default=100, help="of 20 tasks, to deploy (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="the median of that many turns (default: %(default)s)")
    parser.add_argument("--client", type=Path, help="a folder that holds the pydolphinscheduler of the version")
    parser.add_argument("--dir", type=Path, help="the folder of a server that runs already; it is left running")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "ARGUMENTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, text = arguments.child
        print(json.dumps(CHILDREN[what](**json.loads(text))))
        return
    if arguments.dir is not None:
        Bench(arguments, arguments.dir).run()
        return
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the server does not outlive us
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "dsflow", "dolphinscheduler"]
        release = ["--release", arguments.release] if arguments.release else []
        subprocess.run(
            [*command, "start", *release, "--dir", place],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            Bench(arguments, Path(place)).run()
        finally:
            subprocess.run([*command, "stop", "--dir", place], check=True, stdout=subprocess.DEVNULL)


class Bench:
    """One run: each measurement in a process of its own, alternating between those that are compared."""

    def __init__(self, arguments: argparse.Namespace, place: Path) -> None:
        self.arguments = arguments
        self.summary: list[str] = []
        info = json.loads((place / "server.json").read_text())
        self.version = info["version"]
        self.with_pyds = self.version not in WITHOUT_PYDS
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSFLOW_", "PYDS_"))}
        paths = [str(arguments.client)] if arguments.client else []
        self.env = {
            **kept,
            "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [kept.get("PYTHONPATH", "")])]),
            "DSFLOW_API_URL": info["api_url"],
            "DSFLOW_USER": info["user"],
            "DSFLOW_PASSWORD": info["password"],
            "DSFLOW_GATEWAY": f"{info['gateway_host']}:{info['gateway_port']}",
            "DSFLOW_GATEWAY_TOKEN": info["gateway_token"],
            "PYDS_JAVA_GATEWAY_ADDRESS": info["gateway_host"],
            "PYDS_JAVA_GATEWAY_PORT": str(info["gateway_port"]),
            "PYDS_JAVA_GATEWAY_AUTH_TOKEN": info["gateway_token"],
            "PYDS_USER_NAME": info["user"],
            "PYDS_USER_PASSWORD": info["password"],  # pydolphinscheduler sets it: to what it is
            "PYDS_USER_TENANT": getpass.getuser(),
            "PYDS_WORKFLOW_PROJECT": PROJECT,
        }

    def child(self, what: str, **values: Any) -> Result:
        done = subprocess.run(
            [sys.executable, __file__, "--child", what, json.dumps(values)],
            env=self.env,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{what} failed:\n{done.stderr}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def turns(self, sides: dict[str, Callable[[int], Result]]) -> dict[str, list[Result]]:
        """The results of each side, turn by turn; who begins changes from turn to turn."""
        results: dict[str, list[Result]] = {name: [] for name in sides}
        for turn in range(self.arguments.repeat):
            for name in sorted(sides, reverse=bool(turn % 2)):
                results[name].append(sides[name](turn))
        return results

    def judge(self, what: str, value: float, target: float, unit: str = "") -> None:
        word = "met" if value <= target else "MISSED"
        self.summary.append(f"  {word:6} {what}: {value:.2f}{unit}, target {target:.2f}{unit}")

    def run(self) -> None:
        version, tasks = self.version, self.arguments.tasks
        self.child("bootstrap")
        print(f"DolphinScheduler {version}, a workflow of {tasks} tasks, median of {self.arguments.repeat} turns")
        for text in ("first", "warm"):  # the second time round the server's code is compiled
            self.child("dsflow", name="ours", tasks=tasks, text=text, changed=tasks)
            if self.with_pyds:
                self.child("pyds", name="theirs", tasks=tasks, text=text, changed=tasks)
        self.unchanged("warm", tasks)
        self.changed("one task changed", 1)
        self.changed("every task changed", tasks)
        self.deploy()
        print("\ntargets\n" + "\n".join(self.summary))

    def changed(self, label: str, changed: int) -> None:
        tasks = self.arguments.tasks

        def submit(side: str, name: str) -> Callable[[int], Result]:
            return lambda turn: self.child(side, name=name, tasks=tasks, text=f"{changed}-{turn}", changed=changed)

        sides = {"ours": submit("dsflow", "ours")}
        if self.with_pyds:
            sides["theirs"] = submit("pyds", "theirs")
        found = self.turns(sides)
        ours = found["ours"]
        ratio = statistics.median(r["seconds"] / r["call"] for r in ours)
        server = statistics.median((r["call"] + r["whole"] + r["locked"]) / r["call"] for r in ours)
        print(f"\n{label}")
        print(f"  dsflow submit, plan and read-back included   {timed(ours)}   peak {mib(ours)}   {requests(ours)}")
        print(f"  of which the server's create-or-update call  {timed(ours, 'call')}   ratio {ratio:.2f}")
        print(f"           two reads of the whole workflow     {timed(ours, 'whole')}")
        print(f"           the lock, made                      {timed(ours, 'locked')}")
        print(f"           removed, beside the second read     {timed(ours, 'unlocked')}")
        print(f"           smaller reads, side by side         {timed(ours, 'small')}")
        print(f"           nothing asked of the server         {timed(ours, 'alone')}")
        print(f"           dsflow's own processor time         {timed(ours, 'cpu')}")
        print(f"  call, both reads and making the lock alone:  ratio {server:.2f}")
        if self.with_pyds:
            theirs = found["theirs"]
            others = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
            print(f"  pydolphinscheduler                           {timed(theirs)}   peak {mib(theirs)}")
            print(f"  of which the server's create-or-update call  {timed(theirs, 'call')}")
            print(f"  dsflow / pydolphinscheduler                  {others:7.2f}")
        self.judge(f"{label}: submit / the server's call", ratio, TARGETS["changed"])

    def unchanged(self, text: str, changed: int) -> None:
        same: Result = {"tasks": self.arguments.tasks, "text": text, "changed": changed}
        sides: dict[str, Callable[[int], Result]] = {
            "ours": lambda turn: self.child("dsflow", name="ours", **same),
            "plan": lambda turn: self.child("plan", name="ours", **same),
        }
        if self.with_pyds:
            sides["theirs"] = lambda turn: self.child("pyds", name="theirs", **same)
        found = self.turns(sides)
        ours, plans = found["ours"], found["plan"]
        print("\nunchanged")
        print(f"  dsflow submit                                {timed(ours)}   peak {mib(ours)}   {requests(ours)}")
        print(f"  of which the read of the whole workflow      {timed(ours, 'whole')}")
        print(f"           nothing asked of the server         {timed(ours, 'alone')}")
        print(f"           dsflow's own processor time         {timed(ours, 'cpu')}")
        print(f"  dsflow plan                                  {timed(plans)}   peak {mib(plans)}   {requests(plans)}")
        if self.with_pyds:
            theirs = found["theirs"]
            ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
            share = statistics.median(a["whole"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
            print(f"  pydolphinscheduler                           {timed(theirs)}")
            print(f"  dsflow / pydolphinscheduler                  {ratio:7.2f}   the read alone {share:.2f}")
            self.judge("unchanged: submit / pydolphinscheduler", ratio, TARGETS["unchanged"])
        self.judge("unchanged: writes", max(r["writes"] + r["calls"] for r in ours), 0)

    def deploy(self) -> None:
        count = self.arguments.workflows
        with tempfile.TemporaryDirectory() as folder:

            def declare(text: str) -> None:
                for n in range(count):
                    source = WORKFLOW.format(name=f"w{n:03}", project=f"{PROJECT} many", tasks=SMALL, text=text)
                    (Path(folder) / f"w{n:03}.py").write_text(source)

            def show(label: str, runs: list[Result]) -> None:
                reads, writes, calls = (runs[-1][kind] / count for kind in ("reads", "writes", "calls"))
                each = f"{reads:.2f} reads, {writes:.2f} writes and {calls:.2f} calls of the gateway a workflow"
                print(f"  {label:22} {timed(runs)}   {each}   peak {mib(runs)}")

            print(f"\ndeploy of {count} workflows of {SMALL} tasks")
            declare("one")
            show("new", [self.child("deploy", folder=folder)])
            unchanged = [self.child("deploy", folder=folder) for _ in range(min(3, self.arguments.repeat))]
            show("unchanged", unchanged)
            declare("two")
            show("changed, plan alone", [self.child("deploy", folder=folder, options=["--dry-run"])])
            show("changed", [self.child("deploy", folder=folder)])
            show("unchanged again", [self.child("deploy", folder=folder)])
        seconds = statistics.median(r["seconds"] for r in unchanged)
        self.judge("deploy unchanged: reads a workflow", unchanged[-1]["reads"] / count, TARGETS["reads"])
        self.judge("deploy unchanged: writes", max(r["writes"] + r["calls"] for r in unchanged), 0)
        self.judge(f"deploy unchanged: seconds for {count}", seconds, TARGETS["deploy"] * count / 100, " s")


def timed(runs: list[Result], key: str = "seconds") -> str:
    """The median of a time."""
    return f"{statistics.median(float(r[key]) for r in runs):7.3f} s"


def mib(runs: list[Result]) -> str:
    """The median of the peaks of memory."""
    return f"{statistics.median(float(r['peak']) for r in runs):.0f} MiB"


def requests(runs: list[Result]) -> str:
    """How often the last run asked."""
    last = runs[-1]
    return f"{last['reads']} reads and {last['writes']} writes over REST, {last['calls']} calls of the gateway"


# ---------------------------------------------------------------- what a child does


def _definition(name: str, tasks: int, text: str, changed: int) -> Any:
    from dsflow.definition import Definition, Relation, TaskDefinition

    def script(n: int) -> str:
        return f"echo {text if n < changed else 'first'} {n}"

    return Definition(
        PROJECT,
        name,
        tuple(TaskDefinition(f"t{n:03}", "SHELL", {"rawScript": script(n)}) for n in range(tasks)),
        tuple(Relation(f"t{n:03}", f"t{n + 1:03}") for n in range(tasks - 1)),
    )


class _Watch:
    """Times the REST requests of this process and its calls of the gateway, from now on."""

    def __init__(self) -> None:
        from dsflow.dolphinscheduler.wire.gateway import Gateway
        from dsflow.dolphinscheduler.wire.rest import RestClient

        self.requests: list[tuple[str, float]] = []
        self.calls: list[float] = []
        self.asked: list[tuple[float, float]] = []  # from when to when
        send, connect, ask = RestClient._send, Gateway.__init__, Gateway._asked

        def sent(rest: RestClient, method: str, path: str, *a: Any, **k: Any) -> Any:
            began = time.perf_counter()
            try:
                return send(rest, method, path, *a, **k)
            finally:
                self.requests.append((f"{method} {path}", self._since(began)))

        def connected(gateway: Gateway, *a: Any) -> None:
            began = time.perf_counter()
            try:
                connect(gateway, *a)
            finally:
                self._since(began)

        def asked(gateway: Gateway, doing: str, question: Callable[[], Any]) -> Any:
            began = time.perf_counter()
            try:
                return ask(gateway, doing, question)
            finally:
                took = self._since(began)
                if doing.startswith("submit"):
                    self.calls.append(took)

        RestClient._send = sent  # type: ignore[method-assign]
        Gateway.__init__ = connected  # type: ignore[method-assign]
        Gateway._asked = asked  # type: ignore[method-assign]
        self.began, self.began_cpu = time.perf_counter(), time.process_time()

    def _since(self, began: float) -> float:
        ended = time.perf_counter()
        self.asked.append((began, ended))
        return ended - began

    def _in_touch(self) -> float:
        """The time in which something was asked of the server."""
        total, until = 0.0, 0.0
        for began, ended in sorted(self.asked):
            total += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return total

    def found(self) -> Result:
        seconds, cpu = time.perf_counter() - self.began, time.process_time() - self.began_cpu
        kinds: dict[str, list[float]] = {"whole": [], "locked": [], "unlocked": [], "small": []}
        for name, took in self.requests:
            if re.fullmatch(r"GET \S+/process-definition/\d+", name):
                kinds["whole"].append(took)
            elif name.startswith("DELETE "):
                kinds["unlocked"].append(took)
            else:
                kinds["small" if _is_read(name) else "locked"].append(took)
        return {
            "seconds": seconds,
            "alone": seconds - self._in_touch(),
            "cpu": cpu,
            "call": sum(self.calls),
            "reads": sum(_is_read(name) for name, _ in self.requests),
            "writes": sum(not _is_read(name) for name, _ in self.requests),
            "calls": len(self.calls),
            "peak": _peak(),
            **{kind: sum(times) for kind, times in kinds.items()},
        }


def _is_read(name: str) -> bool:
    return name.startswith("GET ") or name.endswith(("/login", "/schedules/preview", "/schedules/list"))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux


def _bootstrap() -> Result:
    from dsflow.config import load_profile
    from dsflow.dolphinscheduler.client import Server

    with Server(load_profile()) as server:
        server.bootstrap(tenant=getpass.getuser(), project=PROJECT, say=lambda line: None)
    return {}


def _submit(name: str, tasks: int, text: str, changed: int, *, plan: bool = False) -> Result:
    import httpcore  # noqa: F401  # imports are not measured, on either side
    import httpx  # noqa: F401
    import pydolphinscheduler.java_gateway  # noqa: F401

    from dsflow.config import load_profile
    from dsflow.dolphinscheduler.client import Server

    profile, watch = load_profile(), _Watch()
    with Server(profile) as server:
        definition = _definition(name, tasks, text, changed)
        if plan:
            server.plan(definition)
        else:
            server.submit(definition)
    return watch.found()


def _plan(**values: Any) -> Result:
    return _submit(**values, plan=True)


def _pydolphinscheduler(name: str, tasks: int, text: str, changed: int) -> Result:
    from pydolphinscheduler.core.workflow import Workflow
    from pydolphinscheduler.java_gateway import GatewayEntryPoint
    from pydolphinscheduler.tasks.shell import Shell

    update, spent = GatewayEntryPoint.create_or_update_workflow, [0.0]

    def timed(*a: Any, **k: Any) -> Any:
        began = time.perf_counter()
        try:
            return update(*a, **k)
        finally:
            spent[0] += time.perf_counter() - began

    GatewayEntryPoint.create_or_update_workflow = timed
    began = time.perf_counter()
    with Workflow(name=name, release_state="online") as workflow:
        made = [Shell(f"t{n:03}", f"echo {text if n < changed else 'first'} {n}") for n in range(tasks)]
        for one, following in itertools.pairwise(made):
            one >> following
        workflow.submit()
    return {"seconds": time.perf_counter() - began, "call": spent[0], "peak": _peak()}


def _deploy(folder: str, options: list[str] | None = None) -> Result:
    from dsflow.cli import main as dsflow

    watch = _Watch()
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        try:
            dsflow(["deploy", folder, "--owner", "benchmark", *(options or [])])
        except SystemExit as ended:
            if ended.code:
                raise SystemExit(f"deploy ended with exit code {ended.code}") from ended
    return watch.found()


CHILDREN: dict[str, Callable[..., Result]] = {
    "bootstrap": _bootstrap,
    "dsflow": _submit,
    "plan": _plan,
    "pyds": _pydolphinscheduler,
    "deploy": _deploy,
}

if __name__ == "__main__":
    main()
