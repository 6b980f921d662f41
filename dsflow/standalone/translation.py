"""Lets clients of the Python gateway of DolphinScheduler 3.1.2 and later talk to that of 3.1.1.

It has other names there, and no token. A program of its own (see :mod:`dsflow.standalone.guarded`)::

    translation PORT UPSTREAM PID TOKEN_FILE     listens on 127.0.0.1:PORT until process PID is gone

py4j's protocol is made of lines: a command ends with the line ``e``, an answer is one line. Four things are changed,
all else passes: the token is checked here; ``getGatewayVersion`` is answered here; ``createOrUpdateWorkflow`` becomes
``createOrUpdateProcessDefinition``, with the user's tenant, which later servers take by themselves; and
``queryProjectByName``, which always fails in 3.1.1, is asked elsewhere.
"""

from __future__ import annotations

import hmac
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from dsflow.standalone.process import is_alive, started

VERSION = "3.1.1"
PACKAGE = "org.apache.dolphinscheduler."


class Upstream:
    """One connection to the real gateway."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = self.socket.makefile("rb")

    def close(self) -> None:
        """Close the connection."""
        self.answers.close()
        self.socket.close()

    def send(self, lines: Sequence[str]) -> str:
        """The line that answers a command."""
        self.socket.sendall("".join(line + "\n" for line in lines).encode())
        return self.answers.readline().decode()

    def call(self, target: str, method: str, *arguments: str) -> str:
        """A call of our own: what it returns, in py4j's form."""
        answer = self.send(["c", target, method, *arguments, "e"]).rstrip("\n")
        if not answer.startswith("!y"):
            raise RuntimeError(f"{target}.{method}: {answer}")
        return answer[2:]

    def bean(self, name: str) -> str:
        """A reference to one of the server's services."""
        cls = self.call("z:java.lang.Class", "forName", "s" + PACKAGE + name)
        return self.call(f"z:{PACKAGE}service.bean.SpringApplicationContext", "getBean", cls)[1:]

    def tenant(self, user: str) -> str | None:
        """The code of a user's tenant (in py4j's form), or None."""
        found = self.call(self.bean("api.service.UsersService"), "queryUser", user)
        if not found.startswith("r"):
            return None
        number = self.call(found[1:], "getId")
        tenant = self.call(self.bean("service.process.ProcessService"), "getTenantForProcess", "i-1", number)
        return self.call(tenant[1:], "getTenantCode") if tenant.startswith("r") else None

    def project(self, user: str, name: str) -> str:
        """``queryProjectByName``: the line that answers it."""
        found = self.call(self.bean("api.service.UsersService"), "queryUser", user)
        answer = self.call(self.bean("api.service.ProjectService"), "queryByName", found, name)
        return f"!y{self.call(answer[1:], 'get', 'sdata')}\n"

    def create_or_update(self, arguments: Sequence[str]) -> str:
        """``createOrUpdateWorkflow`` with its arguments: the line that answers it."""
        (user, project, name, description, params, schedule, _, warning, group, timeout, worker_group, release,
         relations, tasks, other, execution) = arguments  # fmt: skip
        tenant = self.tenant(user)
        if tenant is None:
            return "!xsCan not create or update workflow for user who not related to any tenant. Trace: none\n"
        enum = self.call(f"z:{PACKAGE}common.enums.ProcessExecutionTypeEnum", "valueOf", execution)
        return self.send(
            ["c", "t", "createOrUpdateProcessDefinition", user, project, name, description, params, schedule, warning,
             group, timeout, worker_group, tenant, release, relations, tasks, other, enum, "e"]
        )  # fmt: skip

    def ask(self, command: list[str]) -> str:
        """The line that answers a client's command."""
        if command[:3] == ["c", "t", "getGatewayVersion"]:
            return f"!ys{VERSION}\n"
        if command[:3] == ["c", "t", "createOrUpdateWorkflow"]:
            return self.create_or_update(command[3:-1])
        if command[:3] == ["c", "t", "queryProjectByName"]:
            return self.project(*command[3:-1])
        return self.send(command)


class Client(socketserver.StreamRequestHandler):
    """One connection from a client."""

    server: Translation

    def handle(self) -> None:
        """Answer command after command, the token first."""
        try:
            if self._is_known():
                self._serve()
        except OSError:
            return  # the client or the server has gone

    def _is_known(self) -> bool:
        words = [self.rfile.readline().decode().rstrip("\n") for _ in range(2)]
        known = words[0] == "A" and hmac.compare_digest(words[1].encode(), self.server.token.encode())
        self._answer("!yv\n" if known else "!xsAuthentication failed\n")
        return known

    def _serve(self) -> None:
        upstream = Upstream(self.server.upstream)
        lines: list[str] = []
        try:
            for line in self.rfile:
                lines.append(line.decode().rstrip("\n"))
                if lines[-1] == "e":
                    command, lines = lines, []
                    self._answer(upstream.ask(command))
        finally:
            upstream.close()

    def _answer(self, line: str) -> None:
        self.wfile.write(line.encode())


class Translation(socketserver.ThreadingTCPServer):
    """Listens for clients.

    Args:
        upstream: the port of the real gateway.
        token: what a client must know.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, upstream: int, token: str) -> None:
        super().__init__(("127.0.0.1", port), Client)
        self.upstream = upstream
        self.token = token


def main() -> None:
    """The script."""
    port, upstream, pid = map(int, sys.argv[1:4])
    token = Path(sys.argv[4]).read_text(encoding="ascii").strip()
    began = started(pid)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the server
    with Translation(port, upstream, token) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while is_alive(pid, began):
            time.sleep(0.5)


if __name__ == "__main__":
    main()
