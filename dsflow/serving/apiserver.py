"""OpenMLDB's APIServer, as far as the prediction server needs it: a deployment's schema, and its features for rows.

The protocol: https://openmldb.ai/docs/en/main/quickstart/sdk/rest_api.html. Errors come as HTTP 200 with ``code`` != 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from dsflow.errors import ConfigError
from dsflow.serving.errors import ApiServerError, ApiServerUnreachableError, BadRequestError, NotServableError
from dsflow.serving.schema import Column

# A reset of a connection that was kept alive: the request was not answered, and asking again is safe, because a
# deployment only reads (request mode does not store the request row).
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
CONNECT_TIMEOUT = 3.0
_REPEAT_UPDATE = "if the deployment was changed, POST /update again"


@dataclass(frozen=True)
class Deployment:
    """A deployment's name and schema, as the APIServer describes it."""

    database: str
    name: str
    input: tuple[Column, ...]
    output: tuple[Column, ...]

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


def apiserver_url(text: str) -> str:
    """The base URL of an APIServer; ``host:port`` alone means http.

    Raises:
        ConfigError: it is not such a URL.
    """
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise ConfigError(
            f"{text!r} is not the URL of an OpenMLDB APIServer", hint="give it as in http://127.0.0.1:9080"
        )
    return url.rstrip("/")


class ApiServer:
    """An asynchronous client that keeps its connections alive.

    Args:
        url: base URL, as in ``http://127.0.0.1:9080``.
        timeout: seconds to wait for the features of a prediction; a connection must stand within 3.
        patience: seconds to wait for an answer to anything else: nobody waits for a prediction then.
        transport: another way to the server than TCP, for tests.

    Raises:
        ConfigError: the URL is not one.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        patience: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = apiserver_url(url)
        self._predicting = httpx.Timeout(timeout, connect=CONNECT_TIMEOUT)
        # An APIServer is a service of one's own network: a proxy named by the environment is not the way to it.
        self._client = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(patience, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60.0),
            trust_env=False,
            transport=transport,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

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
                f"the APIServer at {self.url} has no deployment {database}.{name}: {answer.get('msg')}",
                hint="DEPLOY it first, and check the names of the database and the deployment",
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
        timeout = self._predicting if predicting else None
        answer = await self._ask("POST", _path(deployment.database, deployment.name), body, timeout)
        message = str(answer.get("msg"))
        if answer.get("code") != 0:
            if message.startswith("Translate to request row failed") and "can't find" not in message:
                raise BadRequestError(
                    f"OpenMLDB refuses the request: {message}",
                    hint="a column that is NOT NULL takes no null; GET /schema lists the request columns",
                )
            raise ApiServerError(f"OpenMLDB refuses deployment {deployment}: {message}", hint=_REPEAT_UPDATE)
        data = answer.get("data")
        found = data.get("data") if isinstance(data, dict) else None
        if (
            not isinstance(found, list)
            or len(found) != len(rows)
            or not all(isinstance(features, dict) for features in found)
        ):
            raise ApiServerError(
                f"the APIServer at {self.url} did not answer with one object for each of the {len(rows)} rows"
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
            raise ApiServerError(f"OpenMLDB refuses to read {deployment.database}.{table}: {answer.get('msg')}")
        data = answer.get("data")
        found = data.get("data") if isinstance(data, dict) else None
        names = [column.name for column in deployment.input]
        if not isinstance(found, list) or not all(isinstance(row, list) and len(row) == len(names) for row in found):
            raise ApiServerError(
                f"the rows of {deployment.database}.{table} are not request rows of {deployment.name}",
                hint="name the table that the deployment's query begins with",
            )
        return [dict(zip(names, row, strict=True)) for row in found]

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, timeout: httpx.Timeout | None = None
    ) -> dict[str, Any]:
        headers = {"content-type": "application/json"} if body is not None else None
        waiting = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        try:
            try:
                response = await self._client.request(method, path, content=body, headers=headers, timeout=waiting)
            except _STALE:
                response = await self._client.request(method, path, content=body, headers=headers, timeout=waiting)
        except httpx.TimeoutException as error:
            raise ApiServerUnreachableError(
                f"the OpenMLDB APIServer at {self.url} did not answer in time ({type(error).__name__})",
                hint="is it overloaded? Ask again later",
            ) from error
        except httpx.TransportError as error:
            raise ApiServerUnreachableError(
                f"the OpenMLDB APIServer at {self.url} does not answer: {error}",
                hint="is it running, and is this its address?",
            ) from error
        if response.status_code != 200:
            raise ApiServerError(
                f"{method} {self.url}{path} answered HTTP {response.status_code}: {response.text[:200]}"
            )
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
            raise ApiServerError(
                f"{method} {self.url}{path} did not answer as an APIServer does: {response.text[:200]!r}",
                hint="is this the address of an OpenMLDB APIServer?",
            )
        return answer


def _path(database: str, name: str) -> str:
    for what, text in (("database", database), ("deployment", name)):
        if not re.fullmatch(r"[\w-]+", text):
            raise BadRequestError(f"{text!r} is not the name of a {what}", hint="a name has letters, digits, _ and -")
    return f"/dbs/{quote(database)}/deployments/{quote(name)}"
