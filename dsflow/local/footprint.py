"""What the statements of an OPENMLDB task read and write: tables, deployments and files.

A task whose statements are not all understood has no footprint, and is always run.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsflow.errors import RunError

_PATIENCE = 600.0
"""Seconds: of a large table all rows are looked at."""


@dataclass(frozen=True, order=True)
class Thing:
    """Something in OpenMLDB.

    Attributes:
        kind: ``online`` or ``offline`` (a table's columns with those rows), ``table`` (its columns), ``indexes`` (with
            its indexes), ``deployment`` or ``database``.
        name: of the table or deployment; '' for a database.
    """

    kind: str
    db: str
    name: str = ""

    def __str__(self) -> str:
        if self.kind == "database":
            return f"database {self.db}"
        if self.kind == "deployment":
            return f"deployment {self.db}.{self.name}"
        rows = f"{self.kind} rows of " if self.kind in ("online", "offline") else ""
        return f"{rows}table {self.db}.{self.name}"


@dataclass(frozen=True)
class Footprint:
    """What a task reads and writes; what it does both to counts as written.

    Attributes:
        reads, writes: in OpenMLDB.
        files_in: paths as LOAD DATA names them, also patterns.
        files_out: files or folders.
    """

    reads: frozenset[Thing] = frozenset()
    writes: frozenset[Thing] = frozenset()
    files_in: tuple[str, ...] = ()
    files_out: tuple[str, ...] = ()

    @property
    def things(self) -> list[Thing]:
        """All of OpenMLDB, in a fixed order."""
        return sorted(self.reads | self.writes)

    def __add__(self, other: Footprint) -> Footprint:
        writes = self.writes | other.writes
        return Footprint(
            (self.reads | other.reads) - writes,
            writes,
            (*self.files_in, *other.files_in),
            (*self.files_out, *other.files_out),
        )


class NotUnderstood(Exception):
    """A statement whose effects are not known."""


def footprint_of(statements: Iterable[str], mode: str) -> Footprint:
    """The footprint of a task.

    Args:
        statements: with all values filled in.
        mode: the task's: ``online`` or ``offline``.

    Raises:
        NotUnderstood: of one statement it is not known.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    from dsflow.openmldb import nodes
    from dsflow.openmldb.query import shared_tree

    found, db = Footprint(), ""
    for text in statements:
        try:
            tree = shared_tree(text)
        except SqlglotError as error:
            raise NotUnderstood(text) from error
        if isinstance(tree, nodes.UseDatabase):
            db = tree.name
        elif isinstance(tree, nodes.SetVariable):
            if tree.scope == "global":
                raise NotUnderstood(text)
            if tree.name.lower() == "execute_mode":
                mode = str(tree.value).lower()
        elif isinstance(tree, exp.Query):
            found += _query(tree, mode, db)
        else:
            found += _statement(tree, mode, db, text)
    return found


def _statement(tree: Any, mode: str, db: str, text: str) -> Footprint:
    from dsflow.openmldb import nodes

    if isinstance(tree, nodes.CreateDatabase):
        return Footprint(writes=frozenset({Thing("database", tree.name)}))
    if isinstance(tree, nodes.CreateTable) and tree.like is None:
        return _writes(tree.table, db, "table")
    if isinstance(tree, nodes.CreateIndex):
        return _writes(tree.table, db, "indexes")
    if isinstance(tree, (nodes.TruncateTable, nodes.DeleteRows)):
        return _writes(tree.table, db, "online")
    if isinstance(tree, nodes.InsertRows):
        return _writes(tree.table, db, mode)
    if isinstance(tree, nodes.LoadData):
        if not tree.options.get("deep_copy", True):
            raise NotUnderstood(text)  # the rows stay in files that anybody may change
        return _writes(tree.table, db, mode) + Footprint(files_in=(tree.path,))
    if isinstance(tree, nodes.SelectInto) and mode == "offline" and "://" not in tree.path.replace("file://", "", 1):
        return _query(tree.query, mode, db) + Footprint(files_out=(tree.path,))
    if isinstance(tree, nodes.Deploy):
        tables = _tables(tree.query, "table", db)
        return Footprint(tables, frozenset({Thing("deployment", db, tree.name)}))
    raise NotUnderstood(text)


def _writes(table: Any, db: str, kind: str) -> Footprint:
    return Footprint(writes=frozenset({Thing(kind, table.db or db, table.name)}))


def _query(query: Any, mode: str, db: str) -> Footprint:
    if query.args.get("settings"):
        raise NotUnderstood("CONFIG")
    return Footprint(_tables(query, mode, db))


def _tables(query: Any, kind: str, db: str) -> frozenset[Thing]:
    from dsflow.openmldb.bound import bind

    return frozenset(Thing(kind, *scan.table) for scan in bind(query, db, {}).scans)


def files_of(paths: Iterable[str]) -> Iterator[Path]:
    """The files that paths of LOAD DATA mean, and the paths themselves that are no pattern.

    Raises:
        DsflowError: there are none, or they are on another system.
    """
    from dsflow.embedded.sources import find_sources

    for path in paths:
        yield from (Path(source.file) for source in find_sources(path))


class Contents:
    """What is in the embedded OpenMLDB, as short texts that differ when it does.

    Args:
        url: of its APIServer.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def of(self, things: Iterable[Thing]) -> dict[Thing, str]:
        """Of each thing; '' for one that is not there.

        Raises:
            RunError: OpenMLDB does not say.
        """
        asked = list(things)
        if not asked:
            return {}
        body = {"things": [[thing.kind, thing.db, thing.name] for thing in asked]}
        request = urllib.request.Request(
            f"{self._url}/dsflow/contents",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # not by httpx, whose client takes longer to make than all else here
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_PATIENCE) as told:
                answer = json.load(told)
        except (OSError, http.client.HTTPException) as error:
            raise RunError(f"the embedded OpenMLDB does not answer: {error}") from error
        if answer["code"] != 0:
            raise RunError(f"the embedded OpenMLDB does not tell what it holds: {answer['msg']}")
        return dict(zip(asked, answer["data"], strict=True))
