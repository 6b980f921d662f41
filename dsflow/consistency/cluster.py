"""OpenMLDB through its APIServer, as far as a comparison needs it: statements, offline jobs, requests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from dsflow.consistency.values import from_json
from dsflow.errors import ServerError, UnreachableError
from dsflow.openmldb.types import ColumnType

BATCH = 200
"""Rows that one request to a deployment holds."""

_STATE, _ERROR = 2, 8  # where in a job's row

Columns = dict[str, ColumnType]


class Cluster:
    """A connection to an APIServer.

    Args:
        url: its address, ``http://host:port``.
        timeout: seconds that an offline job may take.
        transport: another way to the server than TCP, for tests.
    """

    def __init__(self, url: str, *, timeout: float, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/") if "://" in url else f"http://{url}".rstrip("/")
        self._timeout = timeout
        # a service of one's own network: a proxy of the environment is not the way to it
        token = os.environ.get("DSFLOW_OPENMLDB_TOKEN", "").split()  # of an embedded OpenMLDB that asks for one
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout + 60, connect=5),
            trust_env=False,
            transport=transport,
            headers={"authorization": f"Bearer {token[0]}"} if token else None,
        )

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def run(self, database: str, sql: str, mode: str = "online") -> list[list[Any]]:
        """The rows that a statement gives.

        Raises:
            ServerError: it is refused.
            UnreachableError: the APIServer does not answer.
        """
        body = {"mode": mode, "sql": sql, "timeout": int(1000 * self._timeout)}
        answer = self._ask("POST", f"/dbs/{quote(database)}", body)
        if answer["code"] != 0:
            raise ServerError(f"OpenMLDB refuses: {answer.get('msg')}\n  {sql}")
        rows: list[list[Any]] = (answer.get("data") or {}).get("data") or []
        return rows

    def job(self, database: str, sql: str) -> None:
        """Run an offline job to its end.

        Raises:
            ServerError: it is refused, or does not end FINISHED.
            UnreachableError: the APIServer does not answer.
        """
        (job,) = self.run(database, sql, "offsync")
        number, state = job[0], str(job[_STATE]).upper()
        if state != "FINISHED":
            raise ServerError(
                f"OpenMLDB's job {number} is {state}: {job[_ERROR] or 'it gives no reason'}\n  {sql}",
                hint=f"SHOW JOBLOG {number} tells more",
            )

    def online_rows(self, database: str, table: str) -> int:
        """About how many online rows a table has.

        Raises:
            ServerError: there is no such table, or the answer is a refusal.
        """
        for row in self.run(database, "SHOW TABLE STATUS"):
            if row[1:3] == [table, database]:
                return int(row[4])
        raise ServerError(f"there is no table {database}.{table} at {self.url}")

    def deployment(self, database: str, name: str) -> tuple[Columns, Columns]:
        """A deployment's request columns and output columns.

        Raises:
            ServerError: there is none of that name.
            UnreachableError: the APIServer does not answer.
        """
        self._ask("POST", "/refresh")  # it reads the catalog now and then only
        answer = self._ask("GET", f"/dbs/{quote(database)}/deployments/{quote(name)}")
        if answer["code"] != 0:
            raise ServerError(
                f"there is no deployment {database}.{name} at {self.url}: {answer.get('msg')}",
                hint="deploy this version of the query first, and look at the names of the database and the deployment",
            )
        schemas = [answer["data"][key] for key in ("input_schema", "output_schema")]
        inputs, outputs = ({c["name"]: ColumnType.parse(c["type"]) for c in schema} for schema in schemas)
        return inputs, outputs

    def features(
        self, database: str, name: str, columns: Columns, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """A deployment's answers to request rows, in their order.

        Raises:
            ServerError: it refuses, or answers with another number of rows.
            UnreachableError: the APIServer does not answer.
        """
        found: list[dict[str, Any]] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            answer = self._ask("POST", f"/dbs/{quote(database)}/deployments/{quote(name)}", {"input": part})
            if answer["code"] != 0:
                raise ServerError(f"the deployment {database}.{name} refuses a row: {answer.get('msg')}")
            given = answer["data"]["data"]
            if len(given) != len(part):
                raise ServerError(f"the deployment {database}.{name} answered {len(part)} rows with {len(given)}")
            found += [{name: from_json(row[name], kind) for name, kind in columns.items()} for row in given]
        return found

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()  # NaN is fit for OpenMLDB
        try:
            response = self._client.request(method, self.url + path, content=content)
            answer = json.loads(response.content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"the APIServer at {self.url} does not answer: {error}") from error
        except ValueError as error:
            raise ServerError(
                f"{self.url} did not answer as an APIServer does", hint="is it the address of an APIServer?"
            ) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
            raise ServerError(
                f"{self.url} did not answer as an APIServer does", hint="is it the address of an APIServer?"
            )
        return answer
