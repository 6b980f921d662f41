"""The command doctor: is everything there that workflows need?"""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli import exits
from dsflow.cli.options import ProfileName
from dsflow.config import load_profile

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.doctor import Check

_WIDTH = 18


def doctor(
    profile: ProfileName = None,
    zookeeper: Annotated[
        str | None,
        typer.Option("--zookeeper", metavar="HOST:PORT", help="The OpenMLDB cluster; else the profile's parameter."),
    ] = None,
    zookeeper_path: Annotated[
        str | None,
        typer.Option("--zookeeper-path", metavar="PATH", help="Its root there; else the profile's parameter."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=10, help="Seconds that the workflow on the worker may take.")
    ] = 180.0,
    json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Check server, gateway, tenant, worker and OpenMLDB, and name the remedy of each problem.

    Exit code 0: no problem, 1: a problem, 5: DolphinScheduler's REST API or its gateway does not answer.
    It submits a short workflow into a project of its own, runs it, and deletes both again.
    """
    import signal

    from dsflow.dolphinscheduler.doctor import examine, worst

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)  # so that what it made is deleted then, too
    place = load_profile(profile)
    say = _nothing if json else _print
    checks = examine(place, zookeeper=zookeeper, zookeeper_path=zookeeper_path, say=say, timeout=timeout)
    if json:
        print(json_module.dumps({"state": worst(checks), "checks": [c.to_dict() for c in checks]}, indent=2))
    else:
        counts = {state: sum(c.state == state for c in checks) for state in ("ok", "warning", "problem")}
        print(", ".join(f"{number} {state}" for state, number in counts.items()))
    raise typer.Exit(_exit_code(checks))


def _exit_code(checks: list[Check]) -> int:
    from dsflow.dolphinscheduler.doctor import PROBLEM, worst

    if any(check.unreachable for check in checks):
        return exits.UNREACHABLE
    return exits.FAILED if worst(checks) == PROBLEM else exits.OK


def _print(check: Check) -> None:
    print(f"{check.state:8} {check.name:{_WIDTH}} {check.detail}", flush=True)
    if check.remedy:
        print(f"{'':8} {'':{_WIDTH}} -> {check.remedy}", flush=True)


def _nothing(check: Check) -> None:
    return None
