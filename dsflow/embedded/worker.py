"""Where the `openmldb` module for DolphinScheduler workers is; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path


def worker_path_folder() -> Path:
    """The folder to put on a worker's PYTHONPATH.

    With it, ``import openmldb`` in an OPENMLDB task finds a module that talks to the embedded OpenMLDB at
    ``DSFLOW_EMBEDDED_OPENMLDB`` (``http://host:port``) in place of a cluster.
    """
    return Path(__file__).parent / "worker_path"
