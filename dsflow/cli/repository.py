"""Which repository this is: the name under which its deployments are remembered on a server."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dsflow.config import find_config, repository_name


@dataclass(frozen=True)
class Repository:
    """A repository.

    Attributes:
        owner: its identity, such as ``github.com/acme/pipelines``; None when there is nothing to know it by.
        root: the folder that source files are named from.
    """

    owner: str | None
    root: Path

    def relative(self, path: Path) -> str:
        """A file or folder as seen from the root, with ``/``."""
        return Path(os.path.relpath(path.resolve(), self.root)).as_posix()


def find_repository(start: Path, owner: str | None = None) -> Repository:
    """The repository that a path belongs to.

    Its identity is, in this order: ``owner``, the key ``repository`` of ``dsflow.yaml``, the address of Git's remote
    ``origin`` (without user, password, scheme and ``.git``, so that each way to clone it gives the same name). A remote
    that is a folder of this machine names nothing that another machine knows: then there is none.
    """
    folder = start.resolve() if start.is_dir() else start.resolve().parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    config = find_config(start)
    root = Path(top) if top else config.parent if config else Path.cwd()
    if not owner and config is not None:
        owner = repository_name(config)
    if not owner:
        remote = _git(folder, "config", "--get", "remote.origin.url")
        owner = normalised(remote) if remote else None
        if owner and _is_a_path(owner):
            owner = None
    return Repository(owner or None, root.resolve())


def normalised(remote: str) -> str:
    """``https://user:secret@github.com/acme/x.git`` and ``git@github.com:acme/x`` as ``github.com/acme/x``."""
    text = remote.strip()
    match = re.fullmatch(r"[a-z0-9+.-]+://(?:[^@/]*@)?([^/]*)/(.*)", text, re.IGNORECASE)
    if match is None and not text.startswith(("/", ".")):
        match = re.fullmatch(r"(?:[^@/]*@)?([^:/]+):(?!\\)(.*)", text)
    if match is None:
        return text.rstrip("/")
    host = re.sub(r":\d+$", "", match.group(1)).lower()
    path = match.group(2).strip("/").removesuffix(".git").strip("/")
    return f"{host}/{path}" if host else f"/{path}"


def _is_a_path(owner: str) -> bool:
    return owner.startswith(("/", ".", "~")) or "\\" in owner or re.match(r"[A-Za-z](:|/)", owner) is not None


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no Git here
    return done.stdout.strip() if done.returncode == 0 else ""
