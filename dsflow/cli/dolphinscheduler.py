"""The commands ``dsflow dolphinscheduler ...``: a DolphinScheduler of one's own, on this machine."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli import exits

if TYPE_CHECKING:
    from dsflow.standalone.model import Info, Source

GROUP = typer.Typer(
    name="dolphinscheduler",
    help="A DolphinScheduler of your own on this machine: start, stop, status, fetch.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Dir = Annotated[Path, typer.Option("--dir", metavar="D", help="The folder for everything that the server writes.")]
Version = Annotated[str | None, typer.Option("--version", metavar="X", help="The version; 3.1.1 by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@GROUP.command()
def start(
    dir: Dir,
    version: Version = None,
    python: Annotated[
        str | None,
        typer.Option("--python", metavar="PY", help="The Python of its tasks; the one that runs dsflow by default."),
    ] = None,
    persist: Annotated[bool, typer.Option("--persist", help="Keep the database in D over stop and start.")] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="P", min=1, max=65535, help="The port of its REST API; a free one by default."),
    ] = None,
    gateway_port: Annotated[
        int | None,
        typer.Option("--gateway-port", metavar="P", min=1, max=65535, help="The port of its Python gateway."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=1, help="Seconds until it must be ready.")
    ] = 180.0,
    java_opt: Annotated[
        list[str] | None, typer.Option("--java-opt", metavar="OPTION", help="One more option for java; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a server on the loopback; it is ready when this command ends.

    3.1.1 comes from Maven Central. It needs Java 11 to 22.
    """
    from dsflow.standalone.model import Start
    from dsflow.standalone.server import check_folder, find_python
    from dsflow.standalone.server import start as start_server

    folder = dir.expanduser().absolute()
    check_folder(folder)
    named = {"api": port, "gateway": gateway_port}
    how = Start(
        folder=folder,
        python=find_python(python),
        persist=persist,
        ports={name: number for name, number in named.items() if number is not None},
        timeout=timeout,
        java_options=tuple(java_opt or ()),
    )
    info = start_server(_source(version), how)
    print(json.dumps(info.to_json(), indent=1) if as_json else _what_now(info))


@GROUP.command()
def stop(
    dir: Dir,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="Seconds in which it may end in peace.")
    ] = 30.0,
    as_json: Json = False,
) -> None:
    """Stop the server of a folder and wait until it is gone."""
    from dsflow.standalone.server import stop as stop_server

    folder = dir.expanduser().absolute()
    stopped = stop_server(folder, timeout)
    if as_json:
        values = {"stopped": stopped.ran, "running": False, "pid": stopped.pid, "killed": stopped.killed}
        print(json.dumps(values))
    elif not stopped.ran:
        print(f"nothing ran in {folder}")
    else:
        print("killed: it did not end in time" if stopped.killed else "stopped")


@GROUP.command()
def status(dir: Dir, as_json: Json = False) -> None:
    """Say what runs in a folder; exit code 3 when nothing does."""
    from dsflow.standalone.model import read_info
    from dsflow.standalone.server import api_answers, is_running

    folder = dir.expanduser().absolute()
    info = read_info(folder)
    running = info is not None and is_running(info)
    answers = running and info is not None and api_answers(info)
    if as_json:
        print(json.dumps({**(info.to_json() if info else {}), "running": running, "api_answers": answers}, indent=1))
    elif info is None or not running:
        print(f"nothing runs in {folder}")
    else:
        print(f"DolphinScheduler {info.version} runs at {info.api_url} (process {info.pid})")
        if not answers:
            print(f"but it does not answer; its log is {info.log}")
    if not running:
        raise typer.Exit(exits.STOPPED_RUN)


@GROUP.command()
def fetch(version: Version = None) -> None:
    """Get what a server is made of, into the cache, and print where it is."""
    for path in _source(version).class_path:
        print(path)


def _source(version: str | None) -> Source:
    from dsflow.standalone.sources import from_maven

    return from_maven(version, _say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _what_now(info: Info) -> str:
    gateway = f"{info.gateway_host}:{info.gateway_port}"
    variables = {
        "DSFLOW_API_URL": info.api_url,
        "DSFLOW_GATEWAY": gateway,
        "DSFLOW_GATEWAY_TOKEN": info.gateway_token,
        "DSFLOW_USER": info.user,
        "DSFLOW_PASSWORD": info.password,
    }
    lines = [f"DolphinScheduler {info.version} is ready after {info.ready_seconds:.0f} s: {info.api_url}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join(lines)
