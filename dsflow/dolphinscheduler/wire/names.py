"""Names and the codes or ids that one server has given them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dsflow.declare.tasks.about import ALERT_GROUP as ALERT_GROUP
from dsflow.declare.tasks.about import DATASOURCE as DATASOURCE
from dsflow.declare.tasks.about import K8S_NAMESPACE as K8S_NAMESPACE
from dsflow.declare.tasks.about import TASK as TASK
from dsflow.declare.tasks.about import UDF as UDF
from dsflow.declare.tasks.about import WORKFLOW as WORKFLOW
from dsflow.errors import DeclarationError, SourceLocation, did_you_mean

if TYPE_CHECKING:
    from dsflow.dolphinscheduler.wire.rest import RestClient
    from dsflow.dolphinscheduler.wire.rows import Environment

Code = int | str
Scope = tuple[Code, ...]
Loader = Callable[[str, Scope], Mapping[str, Code]]

ENVIRONMENT = "environment"
WORKER_GROUP = "worker group"
TASK_GROUP = "task group"
RESOURCE = "resource"
PROJECT = "project"
CODED = (ENVIRONMENT, ALERT_GROUP, TASK_GROUP, DATASOURCE, UDF, RESOURCE, PROJECT, WORKFLOW, TASK)
"""The kinds that stand as codes or ids in DolphinScheduler's files."""

_RESOURCES = "/resources/"
UNKNOWN_PREFIX = "#"
SHOWN_NAMES = 20


class UnknownNameError(DeclarationError):
    """A Definition names something that the server does not have.

    Attributes:
        kind: of what kind that is; '' when it is none of those above.
        name: the name.
    """

    kind: str = ""
    name: str = ""


class Names:
    """Both directions between names and codes; each kind is asked for once, when it is first needed.

    Args:
        load: gives name -> code of one kind. The scope is () except for a workflow (its project's code) and a task
            (the codes of its project and workflow).
    """

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._codes: dict[tuple[str, Scope], Mapping[str, Code]] = {}

    def known(self, kind: str, scope: Scope = ()) -> Mapping[str, Code]:
        """All names of a kind."""
        key = (kind, scope)
        if key not in self._codes:
            self._codes[key] = self._load(kind, scope)
        return self._codes[key]

    def remember(self, kind: str, codes: Mapping[str, Code], scope: Scope = ()) -> None:
        """All names of a kind, from an answer that is at hand."""
        self._codes[kind, scope] = codes

    def code(self, kind: str, name: str, *scope: Code, where: SourceLocation | None = None, inside: str = "") -> Code:
        """The code of a name.

        Args:
            where: the place in the user's code, for the error.
            inside: what uses the name, for the error, such as ``task 'train'``.

        Raises:
            UnknownNameError: the server has no such thing; the error names those that it has.
        """
        codes = self.known(kind, scope)
        if name in codes:
            return codes[name]
        raise unknown_name(kind, name, codes, where=where, inside=inside)

    def name(self, kind: str, code: Any, *scope: Code) -> str:
        """The name of a code; ``#CODE`` when the server has nothing of that code (any more)."""
        for name, known in self.known(kind, scope).items():
            if str(known) == str(code):
                return name
        return f"{UNKNOWN_PREFIX}{code}"

    def named(self, kind: str, code: Any) -> Any:
        """The same for an id among a task's other fields: those that a file keeps may stay as they are."""
        return self.name(kind, code)


NOWHERE = 0
"""In place of the code of something that is not known."""


class GatheringNames(Names):
    """The names that another one knows; what it does not know is written down in ``unknown``, and nothing is raised."""

    def __init__(self, names: Names) -> None:
        super().__init__(names.known)
        self.unknown: list[UnknownNameError] = []

    def code(self, kind: str, name: str, *scope: Code, where: SourceLocation | None = None, inside: str = "") -> Code:
        """The code of a name; NOWHERE for one that is not known, and for all within what is not known."""
        if NOWHERE in scope:
            return NOWHERE
        try:
            return super().code(kind, name, *scope, where=where, inside=inside)
        except UnknownNameError as error:
            self.unknown.append(error)
            return NOWHERE


def unknown_name(
    kind: str, name: str, known: Collection[str], *, where: SourceLocation | None = None, inside: str = ""
) -> UnknownNameError:
    """The error for a name that the server does not have.

    Args:
        known: the names of that kind that it has.
        inside: what uses it.
    """
    user = f"{inside} uses {kind} {name!r}, but" if inside else f"{kind} {name!r}:"
    error = UnknownNameError(f"{user} the server has no such {kind}", where=where, hint=known_hint(name, known))
    error.kind, error.name = kind, name
    return error


def known_hint(name: str, known: Collection[str]) -> str:
    """The names that may have been meant, and those that there are."""
    if not known:
        return "there is none on the server that this user may see"
    shown = sorted(known)[:SHOWN_NAMES]
    more = f", and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"{did_you_mean(name, known, most=2)} known: {', '.join(shown)}{more}".lstrip()


def server_names(rest: RestClient) -> Names:
    """The names of a real server."""
    return Names(lambda kind, scope: _LOADERS[kind](rest, scope))


def environment_codes(environments: Iterable[Environment]) -> dict[str, Code]:
    """Environments as the server lists them, name -> code."""
    return {environment.name: environment.code for environment in environments}


def k8s_name(row: Mapping[str, Any]) -> str:
    """A namespace of a K8s cluster, as ``CLUSTER/NAMESPACE``."""
    return f"{row.get('clusterName')}/{row.get('namespace')}"


def resource_name(code: Code) -> str:
    """What 3.2's place of a file in its store says of its name: the path below the tenant's folder; '' if nothing."""
    text = str(code)
    if not text.strip("/") or "/" not in text:
        return ""
    _, found, path = text.partition(_RESOURCES)
    return f"/{path}" if found and path else text


def _workflow_tasks(rest: RestClient, scope: Scope) -> dict[str, Code]:
    raw = rest.workflow(int(scope[0]), int(scope[1]))
    return {t["name"]: int(t["code"]) for t in raw["tasks"]}


def _resources(rest: RestClient, scope: Scope) -> dict[str, Code]:
    """3.1 knows files by id, 3.2 by their place in the store; a Definition by the path below the tenant's folder."""
    new = not rest.series().files_by_id
    found: dict[str, Code] = {}
    tenant = str(rest.user().tenant or "")
    base = rest.resource_base().rstrip("/") if new else ""
    own = f"{base}/{tenant}/resources"

    def walk(nodes: list[dict[str, Any]]) -> None:
        for node in nodes:
            full = str(node["fullName"])
            if not new:
                found["/" + full.lstrip("/")] = int(node["id"])
            elif full.startswith(own + "/"):
                found[full[len(own) :]] = full
            else:
                found[full] = full  # another tenant's: only its whole name is unambiguous
            walk(node.get("children") or [])

    walk(rest.resources())
    return found


_LOADERS: dict[str, Callable[[RestClient, Scope], Mapping[str, Code]]] = {
    ENVIRONMENT: lambda rest, _: environment_codes(rest.environments()),
    ALERT_GROUP: lambda rest, _: {g["groupName"]: int(g["id"]) for g in rest.alert_groups()},
    TASK_GROUP: lambda rest, _: {g["name"]: int(g["id"]) for g in rest.task_groups()},
    DATASOURCE: lambda rest, _: {d["name"]: int(d["id"]) for d in rest.datasources()},
    UDF: lambda rest, _: {u["funcName"]: int(u["id"]) for u in rest.udfs()},
    K8S_NAMESPACE: lambda rest, _: {k8s_name(n): k8s_name(n) for n in rest.k8s_namespaces()},
    RESOURCE: _resources,
    PROJECT: lambda rest, _: {p["name"]: int(p["code"]) for p in rest.projects()},
    WORKFLOW: lambda rest, scope: {w.name: w.code for w in rest.workflows(int(scope[0]))},
    TASK: _workflow_tasks,
}


def made_up_code(*parts: str) -> int:
    """The code that an export file written here gives to a task of that name (or to something of several names).

    It is of the size of DolphinScheduler's own codes, and small enough for JavaScript to read exactly. A task's depends
    on nothing but its name, so that it is recognised wherever the file was imported.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return 10**14 + int.from_bytes(digest[:8], "big") % (8 * 10**15)
