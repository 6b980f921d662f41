"""The command init: a project to begin with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dsflow.errors import ConfigError

_TEMPLATES = Path(__file__).parents[1] / "templates"
_DOT = "dot-"  # what begins so begins with a dot in the project: packaging tools leave files with a dot out


class Template(str, Enum):
    """What to begin with."""

    FRAUD = "fraud"
    REGRESSION = "regression"
    ETL = "etl"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder; made if it is not there.")],
    template: Annotated[
        Template,
        typer.Option(
            "--template",
            help="fraud: a classifier behind a quality check; regression: two tables joined, a regression;"
            " etl: a nightly load with a check, no model.",
        ),
    ] = Template.FRAUD,
) -> None:
    """Make a project: a pipeline that runs at once, its tests, a CI file, dsflow.yaml.

    Nothing that is there is overwritten.
    """
    files = dict(_files(_TEMPLATES / "common")) | dict(_files(_TEMPLATES / template.value))
    there = [name for name in files if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    if there:
        raise ConfigError(
            f"{folder} has {', '.join(sorted(there))} already; nothing was written",
            hint="name a folder that is not there yet",
        )
    try:
        for name, source in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    pipeline = next(name for name, path in files.items() if name.startswith("pipelines/") and _declares(path))
    for name in sorted(files):
        print(f"  {folder / name}")
    print("next:")
    print(f"  cd {shlex.quote(str(folder))}")
    print(f"  dsflow show {pipeline}")
    print(f"  dsflow run {pipeline} --local")
    print("  pytest")


def _files(template: Path) -> Iterator[tuple[str, Path]]:
    """The files of a template by their names in the project, with ``/``."""
    for path in sorted(template.rglob("*")):
        parts = path.relative_to(template).parts
        if path.is_file() and "__pycache__" not in parts:
            yield "/".join("." + part.removeprefix(_DOT) if part.startswith(_DOT) else part for part in parts), path


def _declares(path: Path) -> bool:
    return ".cli()" in path.read_text(encoding="utf-8")
