"""DolphinScheduler's Python gateway, through pydolphinscheduler.

Only two of its calls are used: the one that tells the gateway's version and the one that creates or updates a whole
workflow. pydolphinscheduler's task and workflow objects are not: they ask the gateway for a code each time one is made,
and their ``submit`` overwrites the password and the e-mail address of the user.

Importing pydolphinscheduler creates a gateway object of its own and calls the server that the ``PYDS_JAVA_GATEWAY_*``
variables name; they are set to the profile's values around the import, so that no other server is ever contacted.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import re
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from dsflow.config import DEFAULT_GATEWAY_TOKEN, Profile
from dsflow.dolphinscheduler.errors import AuthenticationError, RefusedError
from dsflow.dolphinscheduler.wire.known import SERIES
from dsflow.errors import ConfigError, DsflowError, ServerError, UnreachableError

CONNECT_TIMEOUT = 10.0
CALL_TIMEOUT = 300.0  # an update of some thousand tasks takes the server minutes

_CLIENT_FOR = {str(series): series.client for series in reversed(SERIES)}
_import_lock = threading.Lock()


@dataclass(frozen=True)
class WorkflowCall:
    """The arguments of ``createOrUpdateWorkflow``, in DolphinScheduler's own form (JSON texts, codes).

    Attributes:
        locations: the places of the tasks; '' keeps what is stored. The gateway cannot be given any.
    """

    user: str
    project: str
    name: str
    description: str
    global_params: str
    warning_type: str
    warning_group_id: int
    execution_type: str
    timeout: int
    worker_group: str
    online: bool
    relations: str
    tasks: str
    locations: str = ""


class Gateway:
    """One connection to the gateway. Use it as a context manager: leaving it closes the sockets.

    Args:
        profile: its ``gateway`` and ``gateway_token``.

    Raises:
        ConfigError: ``gateway`` is not of the form ``host:port``.
        UnreachableError: nothing listens there.
        AuthenticationError: the gateway's token is wrong.
        ServerError: it belongs to a version of DolphinScheduler that dsflow does not know.
    """

    def __init__(self, profile: Profile) -> None:
        self.host, self.port = profile.require_gateway()
        self._token = profile.gateway_token or DEFAULT_GATEWAY_TOKEN
        self.uses_public_token = self._token == DEFAULT_GATEWAY_TOKEN
        self._entry: Any = None
        self.is_broken = False
        self._projects: set[int] = set()  # their codes: seen to be the same here as over REST
        self.version = "unknown"
        self._connect()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket to the gateway, also those of pydolphinscheduler's own global object."""
        module = sys.modules.get("pydolphinscheduler.java_gateway")
        entries: list[Any] = [self._entry, getattr(module, "gateway", None)]
        for entry in entries:
            inner = getattr(entry, "_gateway", None)
            if inner is not None:
                _close(inner)
                entry._gateway = None

    @property
    def client_version(self) -> str:
        """pydolphinscheduler's version."""
        return str(importlib.import_module("pydolphinscheduler").__version__)

    def notes(self) -> list[str]:
        """What a user should know about this connection: each a sentence."""
        notes = []
        if self.uses_public_token:
            notes.append(
                f"the gateway {self.host}:{self.port} uses the token that every DolphinScheduler release ships with: "
                "anyone who reaches its port may change workflows as any user"
            )
        series = ".".join(self.version.split(".")[:2])
        client = ".".join(self.client_version.split(".")[:2])
        if series in _CLIENT_FOR and client != _CLIENT_FOR[series]:
            notes.append(
                f"apache-dolphinscheduler {self.client_version} is installed; for this server, DolphinScheduler "
                f"{self.version}, {_CLIENT_FOR[series]}.x is the one to install"
            )
        return notes

    def create_or_update(self, call: WorkflowCall) -> int:
        """Create the workflow, or replace the one of that name; gives its code.

        An existing workflow is set offline (with its schedule), updated and released as ``call.online`` says. A refusal
        by the server may leave it offline, and some refusals are not reported at all: read the workflow back.

        Raises:
            UnreachableError: the connection broke; the server may or may not have done it.
            RefusedError: the server threw an exception.
        """
        doing = f"submit workflow {call.name!r}"
        code = self._call(
            doing,
            "create_or_update_workflow",
            user_name=call.user,
            project_name=call.project,
            name=call.name,
            description=call.description,
            global_params=call.global_params,
            warning_type=call.warning_type,
            warning_group_id=call.warning_group_id,
            execution_type=call.execution_type,
            timeout=call.timeout,
            worker_group=call.worker_group,
            release_state=1 if call.online else 0,
            task_relation_json=call.relations,
            task_definition_json=call.tasks,
            schedule=None,
            online_schedule=False,
            other_params_json=None,
        )
        return int(code)

    def check_server(self, user: str, project: str, code: int) -> None:
        """Raise unless this is a gateway of the server whose REST API gives a project this code.

        Codes are made up, so that another server, though of the same version, has another one. Updating a workflow
        there would not even be noticed here.

        Raises:
            ServerError: it is another server's.
        """
        if code in self._projects:
            return

        def ask() -> int | None:
            found = self._entry.query_project_by_name(user, project)
            if found is None:
                return None
            code = int(found.getCode())
            # now, and not by a call in the midst of others, when it happens to be collected
            self._entry._gateway.detach(found)
            return code

        held = self._asked(f"ask the gateway for project {project!r}", ask)
        if held != code:
            raise ServerError(
                f"the gateway {self.host}:{self.port} belongs to another server than the REST API: project "
                f"{project!r} {'has another code' if held else 'is not'} there",
                hint="DSFLOW_API_URL (api_url) and DSFLOW_GATEWAY (gateway) must name the same server",
            )
        self._projects.add(code)

    def _connect(self) -> None:
        try:
            socket.create_connection((self.host, self.port), timeout=CONNECT_TIMEOUT).close()
        except OSError as error:
            raise self._unreachable(error) from error
        # pydolphinscheduler's objects call the server when they are made and have no time limit: a port that accepts
        # and says nothing would hang them. So the first word is ours.
        self._entry = probe = _Probe(self._java_gateway(CONNECT_TIMEOUT))
        try:
            self.version = str(self._call("ask the gateway for its version", "get_gateway_version"))
        finally:
            _close(probe._gateway)
        self._check_version()
        entry_point = _entry_point(_pydolphinscheduler(self.host, self.port, self._token))
        self.close()  # what the import has opened
        self._entry = entry_point(self._java_gateway(CALL_TIMEOUT))

    def _check_version(self) -> None:
        series = re.match(r"\d+\.\d+", self.version)  # a build of one's own may say something else
        if series and series[0] not in _CLIENT_FOR:
            raise ServerError(
                f"the gateway {self.host}:{self.port} is DolphinScheduler {self.version}, which dsflow does not know",
                hint=f"it works with {' and '.join(_CLIENT_FOR)}; is DSFLOW_GATEWAY (or gateway) the right server?",
            )

    def _java_gateway(self, timeout: float) -> Any:
        from py4j.java_gateway import GatewayParameters, JavaGateway

        gateway = JavaGateway(
            gateway_parameters=GatewayParameters(
                address=self.host, port=self.port, auto_convert=True, auth_token=self._token, read_timeout=timeout
            )
        )
        # py4j sends a call a second time when the connection breaks before the answer, while the server may still be at
        # the first: two updates at once are what DolphinScheduler does not survive.
        client = gateway._gateway_client
        client.send_command = functools.partial(client.send_command, retry=False)
        client._create_connection = functools.partial(_whole_answers, client._create_connection)
        return gateway

    def _call(self, doing: str, method: str, **arguments: Any) -> Any:
        return self._asked(doing, lambda: getattr(self._entry, method)(**arguments))

    def _asked(self, doing: str, ask: Callable[[], Any]) -> Any:
        from py4j.protocol import Py4JAuthenticationError, Py4JError, Py4JJavaError, Py4JNetworkError

        try:
            with _quiet:
                return ask()
        except Py4JJavaError as error:
            raise _java_error(doing, error) from error
        except Py4JAuthenticationError as error:
            raise self._wrong_token() from error
        except Py4JNetworkError as error:
            # Which of the two it is lies deeper: py4j wraps whatever went wrong while it connected.
            wrong_token = _caused_by(error, Py4JAuthenticationError)
            _drop_sockets(error)
            raise (self._wrong_token() if wrong_token else self._broken(doing, error)) from error
        except Py4JError as error:
            if "Trace" not in str(error):  # the connection broke while the answer was awaited
                raise self._broken(doing, error) from error
            raise RefusedError(
                doing, f"the gateway {self.host}:{self.port} does not know the call ({_line(error)})",
                hint="does this port belong to DolphinScheduler 3.1 or 3.2?",
            ) from error  # fmt: skip

    def _broken(self, doing: str, error: Exception) -> UnreachableError:
        self.is_broken = True
        return UnreachableError(
            f"could not {doing}: the connection to the gateway {self.host}:{self.port} broke ({_line(error)})",
            hint="the API server must run with python-gateway.enabled=true, and DSFLOW_GATEWAY must name its port",
        )

    def _wrong_token(self) -> AuthenticationError:
        return AuthenticationError(
            f"{self.host}:{self.port} does not accept the gateway token, or is no DolphinScheduler gateway",
            hint="DSFLOW_GATEWAY_TOKEN must be python-gateway.auth-token of the API server's configuration, and "
            "DSFLOW_GATEWAY its python-gateway port",
        )

    def _unreachable(self, error: OSError) -> UnreachableError:
        return UnreachableError(
            f"no DolphinScheduler gateway answers at {self.host}:{self.port}: {error}",
            hint="set DSFLOW_GATEWAY to host:port; the API server must run with python-gateway.enabled=true",
        )


class Gateways:
    """Connections to the gateway of one profile, made when they are needed.

    Args:
        keep: use a connection again, until :meth:`close`; for many submits.
    """

    def __init__(self, profile: Profile, *, keep: bool = False) -> None:
        self._profile = profile
        self._keep = keep
        self._idle: list[Gateway] = []

    def lease(self, soon: Callable[[Callable[[], Gateway]], Future[Gateway]]) -> Lease:
        """A connection for one submit.

        Args:
            soon: calls a function in another thread.
        """
        return Lease(self, soon)

    def take(self) -> Gateway:
        """A connection; the same errors as :class:`Gateway`."""
        try:
            return self._idle.pop()
        except IndexError:
            return Gateway(self._profile)

    def give_back(self, gateway: Gateway) -> None:
        """What :meth:`take` gave is not used any more."""
        if self._keep and not gateway.is_broken:
            self._idle.append(gateway)
        else:
            gateway.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()


class Lease:
    """The gateway of one submit: connected to ahead of time, or when it is first needed. A context manager."""

    def __init__(self, gateways: Gateways, soon: Callable[[Callable[[], Gateway]], Future[Gateway]]) -> None:
        self._gateways = gateways
        self._soon = soon
        self._opening: Future[Gateway] | None = None

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *exc: object) -> None:
        # an error in it leads back here: nothing is to go round in circles
        opening, self._opening = self._opening, None
        if opening is not None and opening.exception() is None:
            self._gateways.give_back(opening.result())

    def open_ahead(self, check: Callable[[Gateway], None] | None = None) -> None:
        """Begin to connect.

        Args:
            check: is done with the connection at once. Whoever needs what it finds asks for it again, and then sees
                what speaks against it too.
        """

        def opened() -> Gateway:
            gateway = self._gateways.take()
            if check is not None:
                with suppress(ServerError):
                    check(gateway)
            return gateway

        if self._opening is None:
            self._opening = self._soon(opened)

    def gateway(self) -> Gateway:
        """The connection; the same errors as :class:`Gateway`."""
        self.open_ahead()
        assert self._opening is not None
        return self._opening.result()


class _WholeAnswers:
    """Lines that came to their end.

    py4j takes what came before the connection broke for the answer, such as the first digits of a workflow's code.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.close = stream.close

    def readline(self) -> bytes:
        line: bytes = self._stream.readline()
        return line if line.endswith(b"\n") else b""


def _whole_answers(connect: Callable[[], Any]) -> Any:
    connection = connect()
    connection.stream = _WholeAnswers(connection.stream)
    return connection


def _close(gateway: Any) -> None:
    gateway.close()
    # A Java object (an exception) that is collected later would open a new connection, only to say so.
    gateway._gateway_client.is_connected = False


class _Probe:
    """The one method of ``GatewayEntryPoint`` that is needed before it may be made."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def get_gateway_version(self) -> Any:
        return self._gateway.entry_point.getGatewayVersion()


def _entry_point(module: Any) -> Any:
    """pydolphinscheduler's calls of the gateway, over a connection that is given to them.

    Made in its own way, the object reads its configuration file and asks the server for its version once more.
    """

    class EntryPoint(module.GatewayEntryPoint):  # type: ignore[misc]
        def __init__(self, gateway: Any) -> None:
            self._gateway = gateway

    return EntryPoint


def _pydolphinscheduler(host: str, port: int, token: str) -> Any:
    """The module ``pydolphinscheduler.java_gateway``, imported without contacting any other server."""
    name = "pydolphinscheduler.java_gateway"
    with _import_lock:
        if name in sys.modules:
            return sys.modules[name]
        values = {
            "PYDS_JAVA_GATEWAY_ADDRESS": host,
            "PYDS_JAVA_GATEWAY_PORT": str(port),
            "PYDS_JAVA_GATEWAY_AUTH_TOKEN": token,
        }
        before = {key: os.environ.get(key) for key in values}
        os.environ.update(values)
        try:
            with _quiet:
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name == "pkg_resources":  # 4.0.x imports it, and does not say that it needs it
                raise ConfigError(
                    "the installed apache-dolphinscheduler needs the module pkg_resources, which is not installed",
                    hint="install it with: pip install 'setuptools<82'",
                ) from error
            raise ConfigError(
                f"pydolphinscheduler cannot be imported: there is no module {error.name!r}",
                hint="install it with: pip install apache-dolphinscheduler",
            ) from error
        except Exception as error:
            if isinstance(error, DsflowError):
                raise
            raise ServerError(
                f"pydolphinscheduler cannot be imported: {type(error).__name__}: {_line(error)}",
                hint="is PYDS_HOME/config.yaml valid?",
            ) from error
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value


class _Quiet:
    """Silence for as long as any thread is inside; what is silenced belongs to all of them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside = 0
        self._silence = ExitStack()

    def __enter__(self) -> None:
        with self._guard:
            if self._inside == 0:
                self._silence.enter_context(_silenced())
            self._inside += 1

    def __exit__(self, *exc: object) -> None:
        with self._guard:
            self._inside -= 1
            if self._inside == 0:
                self._silence.close()


@contextmanager
def _silenced() -> Iterator[None]:
    """Silence both libraries' own words (:meth:`Gateway.notes` and our errors say the same), and keep the root logger.

    pydolphinscheduler calls ``logging.basicConfig`` by logging through the root logger: a handler that the user never
    asked for would print everything from then on.
    """
    root = logging.getLogger()
    handlers = list(root.handlers)

    def nothing(record: logging.LogRecord) -> bool:
        return False

    root.addFilter(nothing)  # py4j logs some errors at the root; a filter there leaves other loggers alone
    loggers = [logging.getLogger(name) for name in ("py4j", "pydolphinscheduler")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeFilter(nothing)
        root.handlers[:] = handlers


_quiet = _Quiet()


def _java_error(doing: str, error: Any) -> RefusedError:
    """The Java exception's own message, without its class and its stack."""
    try:
        text = str(error.java_exception.getMessage() or error.java_exception.toString())
    except Exception:  # the connection went away meanwhile; py4j's text has the trace
        text = _line(error)
    line = text.strip().splitlines()[0] if text.strip() else "the server threw an exception without a message"
    return RefusedError(doing, line)


def _drop_sockets(error: BaseException | None) -> None:
    """py4j never closes the socket of a connection that it could not set up; the frames that know it let go of it."""
    with _quiet:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__ or getattr(error, "cause", None)


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__ or getattr(error, "cause", None)
    return False


def _line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
