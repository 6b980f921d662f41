"""Where the `openmldb` module for DolphinScheduler workers is; imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path


def worker_path_folder() -> Path:
    """The folder to put on a worker's PYTHONPATH.

    With it, ``import openmldb`` in an OPENMLDB task finds a module that talks to the embedded OpenMLDB at
    ``DSFLOW_EMBEDDED_OPENMLDB`` (``http://host:port``) in place of a cluster.
    """
    return Path(__file__).parent / "path"


def worker_python_path() -> str:
    """The PYTHONPATH with that folder before what this process was given."""
    return os.pathsep.join([str(worker_path_folder()), *filter(None, [os.environ.get("PYTHONPATH")])])


def worker_environment(url: str) -> dict[str, str]:
    """The variables by which a process finds that module and the embedded OpenMLDB at ``url``; none without one."""
    return {"PYTHONPATH": worker_python_path(), "DSFLOW_EMBEDDED_OPENMLDB": url} if url else {}
