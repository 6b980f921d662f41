"""The command clean: what local runs keep on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from dsflow.declare.workflow import Workflow
from dsflow.errors import RunError


def clean(
    workflow: Workflow,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="A state that a local run was given by --state.")
    ] = None,
    logs: Annotated[
        bool, typer.Option("--logs", help="Remove the logs of runs before the newest only; all else stays.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what local runs of the workflow keep: data, features, models, logs. Files elsewhere stay.

    By default that is the folder .dsflow/PROJECT/WORKFLOW in the working directory. Does nothing where there is none.
    """
    from dsflow.local.held import held
    from dsflow.local.runner import default_state

    folder = (state or default_state(workflow)).absolute()
    if not folder.exists():
        print(f"there is no {folder}: nothing to remove")
        return
    if not (folder / "runs").is_dir():
        raise RunError(f"{folder} is no state of a local run", hint="name one with --state; it holds a folder runs")
    with held(folder, "removing it"):
        gone = _earlier_runs(folder / "runs") if logs else [folder]
        size = sum(_size(path) for path in gone)
        if not dry_run:
            for path in gone:
                shutil.rmtree(path)
    what = f"the logs of {len(gone)} runs in {folder}" if logs else str(folder)
    print(f"{'would remove' if dry_run else 'removed'} {what} ({size / 1e6:.1f} MB)")


def _earlier_runs(runs: Path) -> list[Path]:
    """The folders of all runs but the newest."""
    return sorted(path for path in runs.iterdir() if path.is_dir() and not path.is_symlink())[:-1]


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
