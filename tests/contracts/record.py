"""Record the contracts of a version anew, in one command::

    python -m tests.contracts.record --version 3.1.1                                # from Maven Central
    python -m tests.contracts.record --release apache-dolphinscheduler-3.2.2-bin    # an Apache release: archive, folder
    python -m tests.contracts.record --server SERVER.json                           # one that runs: its server.json

The first two start a server and stop it in the end; the third takes what ``dsflow dolphinscheduler start`` has
written into its folder. The server must be a fresh one, on which nothing was done before, as ids count. Named flows
are recorded on any server, for a look. Writes ``tests/contracts/VERSION/FLOW.jsonl``.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dsflow.config import Profile
from dsflow.dolphinscheduler.wire.rest import RestClient
from tests.contracts.exchanges import Exchange, answer_of, request_of, write
from tests.contracts.flows import FLOWS
from tests.contracts.normal import TENANT, Machine, even_out
from tests.contracts.session import session
from tests.integration.proxy import Exchange as Raw
from tests.integration.proxy import Proxy
from tests.servers import START_SECONDS, server_command

HERE = Path(__file__).resolve().parent
POLL = 1.0


class Recorder:
    """Takes down what goes through a proxy.

    Args:
        base: how every path of REST begins.
    """

    def __init__(self, base: str) -> None:
        self.exchanges: list[Exchange] = []
        self._base = base
        self._open: dict[int, Exchange] = {}

    def request(self, index: int, raw: Raw) -> None:
        """A request on its way to the server."""
        request = request_of(raw, self._base)
        if request is not None:
            exchange = Exchange(request, beside=list(self._open.values()))
            self.exchanges.append(exchange)
            self._open[id(raw)] = exchange

    def answer(self, raw: Raw, data: bytes) -> bytes:
        """Its answer."""
        exchange = self._open.pop(id(raw), None)
        if exchange is not None:
            exchange.answer = answer_of(raw, data)
        return data


def record(name: str, info: dict[str, Any], folder: Path) -> Path:
    """Record one flow; gives the file."""
    api = urlsplit(info["api_url"])
    assert api.hostname is not None
    assert api.port is not None
    recorder = Recorder(api.path)
    rest, gateway = (api.hostname, api.port), (info["gateway_host"], int(info["gateway_port"]))
    began = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(days=1)
    with Proxy(rest, gateway, on_request=recorder.request, rewrite=recorder.answer) as proxy:
        profile = Profile(
            name="contract",
            api_url=f"http://127.0.0.1:{proxy.rest}{api.path}",
            gateway=f"127.0.0.1:{proxy.gateway}",
            user=info["user"],
            password=info["password"],
            gateway_token=info["gateway_token"],
            tenant=getpass.getuser(),
        )
        with session(info["version"], profile, poll=POLL) as do:
            FLOWS[name](do)
    exchanges = even_out(recorder.exchanges, machine(info), began)
    file = folder / info["version"] / f"{name}.jsonl"
    write(file, {"contract": name, "version": info["version"]}, exchanges)
    leaks = [word for word in own_words(info) if word in file.read_text(encoding="utf-8")]
    if leaks:
        raise SystemExit(f"{file} tells about this machine: {', '.join(leaks)}")
    return file


def is_fresh(info: dict[str, Any]) -> bool:
    """Whether a server holds nothing yet."""
    profile = Profile(api_url=info["api_url"], user=info["user"], password=info["password"])
    with RestClient(profile) as rest:
        return not rest.projects() and not rest.environments()


def machine(info: dict[str, Any]) -> Machine:
    """What the recording must not tell."""
    names = {socket.gethostname(): "machine", socket.getfqdn(): "machine", getpass.getuser(): TENANT}
    for key, word in (("dir", "/server"), ("python", "/usr/bin/python3")):
        if info.get(key):
            names[str(info[key])] = word
    return Machine({name: word for name, word in names.items() if name})


def own_words(info: dict[str, Any]) -> list[str]:
    """Texts that say whose machine it is."""
    words = {str(info.get("dir") or ""), str(Path.home()), os.getcwd(), info["password"], info["gateway_token"]}
    return sorted(w for w in words if len(w) > 3)


@contextmanager
def started(*options: str) -> Iterator[dict[str, Any]]:
    """A server for the time of a recording: its ``server.json``."""
    with tempfile.TemporaryDirectory(prefix="dsflow-contracts-") as folder:
        python = str(Path(sys.executable).with_name("python3"))
        arguments = ("--dir", folder, "--python", python, "--timeout", str(START_SECONDS))
        done = server_command("start", *options, *arguments)
        if done.returncode:
            raise SystemExit(done.stderr)
        try:
            yield json.loads(Path(folder, "server.json").read_text(encoding="utf-8"))
        finally:
            server_command("stop", "--dir", folder)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="record what dsflow and a DolphinScheduler say to each other")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--version", metavar="X", help="start one from Maven Central, or a release that is downloaded")
    which.add_argument("--release", metavar="FILE", help="start one from an Apache release, archive or folder")
    which.add_argument("--server", type=Path, metavar="SERVER.json", help="a fresh one that runs")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write VERSION/FLOW.jsonl")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=f"all by default: {', '.join(FLOWS)}")
    given = parser.parse_args()
    unknown = [name for name in given.flows if name not in FLOWS]
    if unknown:
        parser.error(f"there is no flow {unknown[0]!r}")
    with ExitStack() as stack:
        if given.server:
            info = json.loads(given.server.read_text(encoding="utf-8"))
        else:
            options = ("--version", given.version) if given.version else ("--release", given.release)
            info = stack.enter_context(started(*options))
        if not given.flows and not is_fresh(info):
            parser.error(f"something was done on the server at {info['api_url']} before: all flows need a fresh one")
        for name in given.flows or FLOWS:
            file = record(name, info, given.out)
            print(f"{file}: {file.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
