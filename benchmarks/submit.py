"""How long submitting takes, against pydolphinscheduler and against the server's own time, all from one run.

    DSFLOW_TEST_DOLPHINSCHEDULER=/folder/with/standalone python benchmarks/submit.py [--version 3.2.2] [--tasks 300]

A server is started for it and stopped at the end. Every measurement is a fresh process, without its start and its
imports; memory is the process's peak. The client of the version must be installed: apache-dolphinscheduler 4.0.x for
3.1, 4.1.x for 3.2 (or name a folder that holds it with --client).
"""

from __future__ import annotations

import argparse
import getpass
import itertools
import json
import os
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
WORKFLOW = """
from dsflow import Shell, Workflow

with Workflow({name!r}, project={project!r}) as wf:
    tasks = [Shell(f"t{{n:03}}", f"echo {text} {{n}}") for n in range({tasks})]
    for one, next in zip(tasks, tasks[1:]):
        one >> next
"""


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="3.2.2", help="the server's version (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=300, help="of the one workflow (default: %(default)s)")
    parser.add_argument("--workflows", type=int, default=100, help="of 20 tasks, to deploy (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="the median of that many (default: %(default)s)")
    parser.add_argument("--client", type=Path, help="a folder that holds the pydolphinscheduler of the version")
    parser.add_argument("--dir", type=Path, help="the folder of a server that runs already; it is left running")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "ARGUMENTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, text = arguments.child
        print(json.dumps(CHILDREN[what](**json.loads(text))))
        return
    folder = os.environ.get("DSFLOW_TEST_DOLPHINSCHEDULER")
    if arguments.dir is None and not folder:
        parser.error("set DSFLOW_TEST_DOLPHINSCHEDULER to the folder that holds `standalone`")
    if arguments.dir is not None:
        Bench(arguments, arguments.dir).run()
        return
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the server does not outlive us
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, str(Path(str(folder)) / "standalone")]
        subprocess.run(
            [*command, "start", "--version", arguments.version, "--dir", place],
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
        info = json.loads((place / "server.json").read_text())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSFLOW_", "PYDS_"))}
        paths = [str(arguments.client)] if arguments.client else []
        self.env = {
            **kept,
            "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [kept.get("PYTHONPATH", "")])]),
            "DSFLOW_API_URL": info["api_url"],
            "DSFLOW_USER": info["user"],
            "DSFLOW_PASSWORD": info["password"],
            "DSFLOW_GATEWAY": f"{info['gateway_host']}:{info['gateway_port']}",
            "PYDS_JAVA_GATEWAY_ADDRESS": info["gateway_host"],
            "PYDS_JAVA_GATEWAY_PORT": str(info["gateway_port"]),
            "PYDS_USER_NAME": info["user"],
            "PYDS_USER_PASSWORD": info["password"],  # pydolphinscheduler sets it: to what it is
            "PYDS_USER_TENANT": getpass.getuser(),
            "PYDS_WORKFLOW_PROJECT": PROJECT,
        }

    def child(self, what: str, **values: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, __file__, "--child", what, json.dumps(values)],
            env=self.env,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{what} failed:\n{done.stderr}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def median(self, key: str, runs: list[dict[str, Any]]) -> float:
        return statistics.median(float(r[key]) for r in runs)

    def run(self) -> None:
        version, tasks, repeat = self.arguments.version, self.arguments.tasks, self.arguments.repeat
        self.child("bootstrap")
        print(f"DolphinScheduler {version}, a workflow of {tasks} tasks, median of {repeat}")
        for name in ("ours", "theirs"):
            self.child("dsflow" if name == "ours" else "pyds", name=name, tasks=tasks, text="first", changed=tasks)
        for label, changed in (("every task changed", tasks), ("one task changed", 1)):
            ours, theirs = [], []
            for turn in range(repeat):
                text = f"{changed}-{turn}"
                ours.append(self.child("dsflow", name="ours", tasks=tasks, text=text, changed=changed))
                theirs.append(self.child("pyds", name="theirs", tasks=tasks, text=text, changed=changed))
            mine, limit, other = self.median("seconds", ours), self.median("call", ours), self.median("seconds", theirs)
            print(f"\n{label}")
            print(f"  dsflow submit, plan and read-back included   {mine:7.3f} s   peak {self.mib(ours):.0f} MiB")
            print(f"  of which the server's create-or-update call  {limit:7.3f} s   ratio {mine / limit:.2f}")
            print(f"  pydolphinscheduler                           {other:7.3f} s   peak {self.mib(theirs):.0f} MiB")
            print(f"  of which the server's create-or-update call  {self.median('call', theirs):7.3f} s")
            print(f"  dsflow / pydolphinscheduler                  {mine / other:7.2f}")
            print(
                f"  dsflow: {ours[-1]['reads']} reads, {ours[-1]['writes']} writes over REST, one call of the gateway"
            )
        unchanged = [self.child("dsflow", name="ours", tasks=tasks, text=text, changed=1) for _ in range(repeat)]
        again = [self.child("pyds", name="theirs", tasks=tasks, text=text, changed=1) for _ in range(repeat)]
        plans = [self.child("plan", name="ours", tasks=tasks, text=text) for _ in range(repeat)]
        mine, other = self.median("seconds", unchanged), self.median("seconds", again)
        print("\nunchanged")
        print(f"  dsflow submit        {mine:7.3f} s   {unchanged[0]['reads']} reads, {unchanged[0]['writes']} writes")
        print(f"  dsflow plan          {self.median('seconds', plans):7.3f} s   peak {self.mib(plans):.0f} MiB")
        print(f"  pydolphinscheduler   {other:7.3f} s   ratio {mine / other:.2f}")
        self.deploy()

    def mib(self, runs: list[dict[str, Any]]) -> float:
        return self.median("peak", runs)

    def deploy(self) -> None:
        count = self.arguments.workflows
        with tempfile.TemporaryDirectory() as folder:
            print(f"\ndeploy of {count} workflows of 20 tasks")
            for label, text in (("new", "one"), ("unchanged", "one"), ("changed", "two")):
                for n in range(count):
                    source = WORKFLOW.format(name=f"w{n:03}", project=f"{PROJECT} many", tasks=20, text=text)
                    (Path(folder) / f"w{n:03}.py").write_text(source)
                found = self.child("deploy", folder=folder)
                print(
                    f"  {label:10} {found['seconds']:7.2f} s   {found['reads'] / count:.2f} reads and "
                    f"{found['writes'] / count:.2f} writes a workflow   peak {found['peak']:.0f} MiB"
                )


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


class _Counting:
    """Counts the REST requests of this process and times the calls of the gateway."""

    def __init__(self) -> None:
        from dsflow.dolphinscheduler.gateway import Gateway
        from dsflow.dolphinscheduler.rest import RestClient

        self.reads = self.writes = 0
        self.call = 0.0
        send, update = RestClient._send, Gateway.create_or_update

        def counted(rest: RestClient, method: str, path: str, *a: Any, **k: Any) -> Any:
            if method == "GET" or path.endswith(("/login", "/preview", "/list")):
                self.reads += 1
            else:
                self.writes += 1
            return send(rest, method, path, *a, **k)

        def timed(gateway: Gateway, call: Any) -> int:
            began = time.perf_counter()
            code = update(gateway, call)
            self.call += time.perf_counter() - began
            return code

        RestClient._send = counted  # type: ignore[method-assign]
        Gateway.create_or_update = timed  # type: ignore[method-assign]

    def found(self, seconds: float) -> dict[str, Any]:
        return {"seconds": seconds, "call": self.call, "reads": self.reads, "writes": self.writes, "peak": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux


def _bootstrap() -> dict[str, Any]:
    from dsflow.config import load_profile
    from dsflow.dolphinscheduler.client import Server

    with Server(load_profile()) as server:
        server.bootstrap(tenant=getpass.getuser(), project=PROJECT, say=lambda line: None)
    return {}


def _submit(name: str, tasks: int, text: str, changed: int) -> dict[str, Any]:
    import httpx  # noqa: F401  # imports are not measured, on either side
    import pydolphinscheduler.java_gateway  # noqa: F401

    from dsflow.config import load_profile
    from dsflow.dolphinscheduler.client import Server

    counting, profile = _Counting(), load_profile()
    began = time.perf_counter()
    with Server(profile) as server:
        server.submit(_definition(name, tasks, text, changed), overwrite=True)
    return counting.found(time.perf_counter() - began)


def _plan(name: str, tasks: int, text: str) -> dict[str, Any]:
    import httpx  # noqa: F401

    from dsflow.config import load_profile
    from dsflow.dolphinscheduler.client import Server

    counting, profile = _Counting(), load_profile()
    began = time.perf_counter()
    with Server(profile) as server:
        server.plan(_definition(name, tasks, text, 1))
    return counting.found(time.perf_counter() - began)


def _pydolphinscheduler(name: str, tasks: int, text: str, changed: int) -> dict[str, Any]:
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


def _deploy(folder: str) -> dict[str, Any]:
    from dsflow.cli import main as dsflow

    counting = _Counting()
    began = time.perf_counter()
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        try:
            dsflow(["deploy", folder, "--owner", "benchmark"])
        except SystemExit as ended:
            if ended.code:
                raise SystemExit(f"deploy ended with exit code {ended.code}") from ended
    return counting.found(time.perf_counter() - began)


CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {
    "bootstrap": _bootstrap,
    "dsflow": _submit,
    "plan": _plan,
    "pyds": _pydolphinscheduler,
    "deploy": _deploy,
}

if __name__ == "__main__":
    main()
