"""Which workflows a repository has deployed: kept on the server, where every CI job can read it.

``deploy --prune`` must delete what this repository once deployed and no longer declares, and never anybody else's.
DolphinScheduler has no labels, and each place that could carry a mark has a catch: a workflow's description and
parameters are what the user declares and reads; files need the resource centre, which 3.1 ships switched off;
environments and tags of users are an administrator's; hidden fields of a workflow are lost when it is saved on the web
page, and a workflow that is unchanged would have to be written to be marked. So the mark is a workflow of its own, one
for each repository and project, named after the repository: whoever may deploy may write it, it is one read, it works
the same on 3.1 and 3.2, is exported and backed up like any other, and explains itself to who finds it on the web page.
It is ONLINE, so that the page's Delete and Edit are not active for it, and its one task is
disabled, so that a run does nothing; the task's script lists, as comments, each
workflow's code, name and source file.

What belongs to a repository is known by DolphinScheduler's *code*, which is never given twice: a workflow that somebody
deleted and made anew under the same name is theirs. So is one that was renamed. When the register is deleted, nothing
is pruned, and the next deploy writes it again from what is declared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from dsflow.definition import Definition, JsonDict, TaskDefinition
from dsflow.dolphinscheduler.wire import codec

PREFIX = "dsflow deployed "
TASK = "register"
MAX_NAME = 200
_HEAD = "# Kept by `dsflow deploy`; nothing to run. The workflows of this project that the repository has deployed:\n"


@dataclass(frozen=True, order=True)
class Entry:
    """A workflow that a repository deployed.

    Attributes:
        code: DolphinScheduler's code of it.
        name: its name when it was deployed.
        file: the source, relative to the repository's root, with ``/``.
    """

    code: int
    name: str
    file: str

    def within(self, paths: Iterable[str]) -> bool:
        """Whether its source is one of these files, or below one of these folders ('.' is the root)."""
        return any(path == "." or self.file == path or self.file.startswith(path.rstrip("/") + "/") for path in paths)


def register_name(owner: str) -> str:
    """The name of a repository's register."""
    name = PREFIX + owner
    if len(name) <= MAX_NAME:
        return name
    return f"{name[: MAX_NAME - 17]} {hashlib.sha256(owner.encode()).hexdigest()[:16]}"


def register_definition(project: str, owner: str, entries: Iterable[Entry]) -> Definition:
    """The register as a workflow."""
    lines = [
        "# " + json.dumps({"code": e.code, "name": e.name, "file": e.file}, ensure_ascii=True) + "\n"
        for e in sorted(set(entries))
    ]
    script = _HEAD + "".join(lines)
    task = TaskDefinition(
        TASK,
        "SHELL",
        codec.script_params(script),
        flag="NO",
        description="not to be run",
    )
    return Definition(
        project,
        register_name(owner),
        (task,),
        (),
        description=f"Kept by dsflow deploy: what {owner} has deployed in this project."[:255],
    )


def entries_of(raw: JsonDict) -> list[Entry]:
    """The entries of a register, as the server gives it; lines that are no entry are passed over."""
    found = []
    for task in raw.get("tasks", []):
        for line in codec.script(task).splitlines():
            try:
                data = json.loads(line.removeprefix("#"))
                found.append(Entry(int(data["code"]), str(data["name"]), str(data["file"])))
            except (ValueError, TypeError, KeyError):
                continue
    return found
