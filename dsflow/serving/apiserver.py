"""OpenMLDB's APIServer, as far as the prediction server needs it: a deployment's schema, and its features for rows.

The protocol: https://openmldb.ai/docs/en/main/quickstart/sdk/rest_api.html. Errors come as HTTP 200 with ``code`` != 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from dsflow.errors import ConfigError
from dsflow.serving.breaker import Breaker
from dsflow.serving.errors import ApiServerError, ApiServerUnreachableError, BadRequestError, NotServableError
from dsflow.serving.http1 import BadAnswerError, Client, StaleConnectionError
from dsflow.serving.schema import Column

CONNECT_TIMEOUT = 3.0
_REPEAT_UPDATE = "if the deployment was changed, POST /update again"
_TRIED_SECONDS = 0.25
"""For which requests wait for the one that tries whether a server is back."""

_GATEWAY_ERRORS = frozenset({502, 503, 504})
"""HTTP statuses of something in between that does not reach the APIServer, or of one that takes no more."""


@dataclass(frozen=True)
class Deployment:
    """A deployment's name and schema, as the APIServer describes it."""

    database: str
    name: str
    input: tuple[Column, ...]
    output: tuple[Column, ...]

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


def apiserver_urls(text: str) -> tuple[str, ...]:
    """The base URLs of APIServers of one cluster, separated by commas; ``host:port`` alone means http.

    Raises:
        ConfigError: one is not such a URL, or there is none.
    """
    return tuple(_apiserver_url(part) for part in text.split(","))


def _apiserver_url(text: str) -> str:
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    else:
        if "@" in parts.netloc:  # which answers and the log would tell
            raise ConfigError(
                "what holds a user or a password is not the URL of an OpenMLDB APIServer",
                hint="a token of an embedded OpenMLDB goes into the variable DSFLOW_OPENMLDB_TOKEN",
            )
    if not good or parts.query or parts.fragment or not url.isascii() or re.search(r"[\s\x00-\x1f]", url):
        raise ConfigError(
            f"{text!r} is not the URL of an OpenMLDB APIServer",
            hint="give it as in http://127.0.0.1:9080; several are separated by commas",
        )
    return url.rstrip("/")


class _Server:
    """One APIServer: its connections, and whether it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        token = os.environ.get("DSFLOW_OPENMLDB_TOKEN", "").split()
        self.client = Client(url, connect_timeout=CONNECT_TIMEOUT, token=token[0] if token else None)
        self.breaker = Breaker()
        self._tried = asyncio.Event()

    async def may_be_asked(self, seconds: float) -> bool:
        """Whether to ask it.

        While one request tries whether a server is back, the others wait for a moment for what becomes of it: of one
        that is back they need not fail.
        """
        if self.breaker.allow():
            self._tried.clear()
            return True
        if not self._tried.is_set() and self.breaker.is_tried:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._tried.wait(), min(seconds, _TRIED_SECONDS))
        return not self.breaker.is_open

    def answered(self, *, well: bool) -> None:
        """It was asked, and answered or not."""
        if well:
            self.breaker.succeeded()
        else:
            self.breaker.failed()
        self._tried.set()


class ApiServer:
    """An asynchronous client of one APIServer, or of several of one cluster, that keeps connections alive.

    Whatever it asks only reads (request mode does not store the request row), so asking again is safe: once on a new
    connection when one that was kept alive turns out to be closed, and then the next APIServer. The one that answered
    last is asked first. One that fails five times in a row is left alone and tried again every half second
    (`dsflow.serving.breaker`); meanwhile requests fail at once.

    Args:
        urls: base URLs, as in ``http://127.0.0.1:9080``; several are separated by commas.
        timeout: seconds to wait for the features of a prediction; a connection must stand within 3.
        patience: seconds to wait for an answer to anything else: nobody waits for a prediction then.

    Raises:
        ConfigError: a URL is not one.
    """

    def __init__(self, urls: str, *, timeout: float = 10.0, patience: float = 60.0) -> None:
        self._servers = [_Server(url) for url in apiserver_urls(urls)]
        self._first = 0
        self.timeout, self._patience = timeout, patience

    @property
    def url(self) -> str:
        """The base URL of the APIServer that is asked first."""
        return self._servers[self._first].url

    @property
    def urls(self) -> tuple[str, ...]:
        """The base URLs of all."""
        return tuple(server.url for server in self._servers)

    @property
    def reachable(self) -> bool:
        """At least one of the APIServers has answered, or not yet failed five times in a row."""
        return not all(server.breaker.is_open for server in self._servers)

    async def aclose(self) -> None:
        """Close the connections."""
        for server in self._servers:
            await server.client.aclose()

    async def deployment(self, database: str, name: str) -> Deployment:
        """A deployment's schema as it is now, by ``POST /refresh`` and ``GET /dbs/{database}/deployments/{name}``.

        Raises:
            BadRequestError: a name that no database or deployment can have.
            NotServableError: there is no such deployment.
            ApiServerError, ApiServerUnreachableError
        """
        path = _path(database, name)
        # The APIServer reads the catalog now and then only; a deployment of a moment ago is in it after a refresh. What
        # the refresh itself answers does not matter: the next answer tells whether the deployment is there.
        await self._ask("POST", "/refresh", b"")
        answer = await self._ask("GET", path)
        if answer.get("code") != 0:
            raise NotServableError(
                f"the APIServer at {self.url} has no deployment {database}.{name}: {_told(answer.get('msg'))}",
                hint="DEPLOY it first, and check the names of the database and the deployment",
                detail=str(answer.get("msg")),
            )
        try:
            data = answer["data"]
            return Deployment(
                database=database,
                name=name,
                input=tuple(Column.from_json(column) for column in data["input_schema"]),
                output=tuple(Column.from_json(column) for column in data["output_schema"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ApiServerError(
                f"the APIServer at {self.url} describes deployment {database}.{name} in an unknown way: {error!r}"
            ) from error

    async def features(
        self, deployment: Deployment, rows: Sequence[Mapping[str, object]], *, predicting: bool = True
    ) -> list[dict[str, Any]]:
        """The deployment's output for each request row, by column name, in the order of the rows.

        Rows go and come as objects by column name, so that a deployment whose columns were put into another order in
        the meantime cannot mix up values.

        Args:
            deployment: of this APIServer.
            rows: as ``dsflow.serving.schema.check_rows`` gives them; at least one.
            predicting: somebody waits for the answer.

        Raises:
            BadRequestError: the APIServer refuses a row, as a null in a NOT NULL column.
            ApiServerError, ApiServerUnreachableError
        """
        body = json.dumps({"input": rows}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        content = await self.execute(deployment, body, self.timeout if predicting else self._patience)
        return self.read_features(deployment, content, len(rows))

    async def execute(self, deployment: Deployment, body: bytes, timeout: float | None = None) -> bytes:
        """What the APIServer answers to a body of request rows, unread.

        Args:
            body: JSON, ``{"input": [row, ...]}``.
            timeout: seconds; None for those of a prediction.

        Raises:
            ApiServerError, ApiServerUnreachableError
        """
        path = _path(deployment.database, deployment.name)
        _, content = await self._send("POST", path, body, self.timeout if timeout is None else timeout)
        return content

    def read_features(self, deployment: Deployment, content: bytes, count: int) -> list[dict[str, Any]]:
        """The rows of features in an answer of `execute`; a float may be NaN or infinite, as the APIServer writes it.

        Raises:
            BadRequestError: the APIServer refuses a row, as a null in a NOT NULL column.
            ApiServerError: it refuses the deployment, or the answer is not one object for each of ``count`` rows.
        """
        answer = self._read("POST", _path(deployment.database, deployment.name), content)
        message = str(answer.get("msg"))
        if answer.get("code") != 0:
            if message.startswith("Translate to request row failed") and "can't find" not in message:
                raise BadRequestError(
                    f"OpenMLDB refuses the request: {_told(message)}",
                    hint="a column that is NOT NULL takes no null; GET /schema lists the request columns",
                )
            raise ApiServerError(
                f"OpenMLDB refuses deployment {deployment}: {_told(message)}", hint=_REPEAT_UPDATE, detail=message
            )
        data = answer.get("data")
        found = data.get("data") if isinstance(data, dict) else None
        if (
            not isinstance(found, list)
            or len(found) != count
            or not all(isinstance(features, dict) for features in found)
        ):
            raise ApiServerError(
                f"the APIServer at {self.url} did not answer with one object for each of the {count} rows"
            )
        return found

    async def rows(self, deployment: Deployment, table: str, limit: int) -> list[dict[str, Any]]:
        """Some of the online rows of the table that a deployment's request rows are of, by column name.

        Raises:
            BadRequestError: a name that no table can have.
            ApiServerError, ApiServerUnreachableError
        """
        if not re.fullmatch(r"\w+", table):
            raise BadRequestError(f"{table!r} is not the name of a table", hint="a name has letters, digits and _")
        body = json.dumps({"mode": "online", "sql": f"SELECT * FROM {table} LIMIT {limit}"}).encode()
        answer = await self._ask("POST", f"/dbs/{quote(deployment.database)}", body)
        if answer.get("code") != 0:
            raise ApiServerError(
                f"OpenMLDB refuses to read {deployment.database}.{table}: {_told(answer.get('msg'))}",
                detail=str(answer.get("msg")),
            )
        data = answer.get("data")
        found = data.get("data") if isinstance(data, dict) else None
        names = [column.name for column in deployment.input]
        if not isinstance(found, list) or not all(isinstance(row, list) and len(row) == len(names) for row in found):
            raise ApiServerError(
                f"the rows of {deployment.database}.{table} are not request rows of {deployment.name}",
                hint="name the table that the deployment's query begins with",
            )
        return [dict(zip(names, row, strict=True)) for row in found]

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        _, content = await self._send(method, path, body, self._patience)
        return self._read(method, path, content)

    async def _send(self, method: str, path: str, body: bytes | None, timeout: float) -> tuple[int, bytes]:
        """The first answer of an APIServer with HTTP status 200."""
        deadline = time.monotonic() + timeout
        last: Exception | None = None
        order = self._servers[self._first :] + self._servers[: self._first]
        for number, server in enumerate(order):
            # whoever is asked first must leave time for the others
            if not await server.may_be_asked((deadline - time.monotonic()) / (len(order) - number)):
                continue
            left = (deadline - time.monotonic()) / (len(order) - number)
            if left <= 0:
                break
            try:
                try:
                    status, content = await server.client.ask(method, path, body, left)
                except StaleConnectionError:
                    status, content = await server.client.ask(method, path, body, left)
            except BadAnswerError as error:
                server.answered(well=False)
                last = ApiServerError(
                    f"{method} {server.url}{path} did not answer as an APIServer does: {error}",
                    hint="is this the address of an OpenMLDB APIServer?",
                )
            except (TimeoutError, asyncio.TimeoutError) as error:
                server.answered(well=False)
                last = ApiServerUnreachableError(
                    f"the OpenMLDB APIServer at {server.url} did not answer in time", hint="is it overloaded?"
                )
                last.__cause__ = error
            except OSError as error:
                server.answered(well=False)
                last = ApiServerUnreachableError(
                    f"the OpenMLDB APIServer at {server.url} does not answer: {error}",
                    hint="is it running, and is this its address?",
                )
                last.__cause__ = error
            else:
                server.answered(well=True)
                if status == 200:
                    self._first = self._servers.index(server)
                    return status, content
                text = content.decode(errors="replace")[:200]
                last = ApiServerError(f"{method} {server.url}{path} answered HTTP {status}", detail=text)
                if status not in _GATEWAY_ERRORS:
                    break
        if last is None:
            last = ApiServerUnreachableError(
                f"the OpenMLDB APIServer at {' or '.join(self.urls)} fails again and again and is not asked for now",
                hint="ask again in a second",
            )
        raise last

    def _read(self, method: str, path: str, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
            text = content[:200].decode(errors="replace")
            raise ApiServerError(
                f"{method} {self.url}{path} did not answer as an APIServer does",
                hint="is this the address of an OpenMLDB APIServer?",
                detail=text,
            )
        return answer


# What OpenMLDB may say to whoever asks for predictions; all else may hold a statement or a path, and is for the log.
_HARMLESS = re.compile(
    r"[\w-]+ does not exist in [\w-]+"
    r"|(Invalid input data size in|Must be array or map,) row \d+"
    r"|Translate to request row failed in (map|array) row \d+, [\w :]*((can't find( col)?|trans failed on) \w+.{0,60})",
    re.DOTALL,
)


def _told(message: object) -> str:
    """OpenMLDB's message as far as a client may read it."""
    text = str(message)
    return text if _HARMLESS.fullmatch(text) else "the prediction server's log has its reason"


def _path(database: str, name: str) -> str:
    for what, text in (("database", database), ("deployment", name)):
        if not re.fullmatch(r"[\w-]+", text):
            raise BadRequestError(f"{text!r} is not the name of a {what}", hint="a name has letters, digits, _ and -")
    return f"/dbs/{quote(database)}/deployments/{quote(name)}"
