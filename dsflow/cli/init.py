"""The command init: a project to begin with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import distribution
from importlib.util import find_spec
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
    paths = dict(_files(_TEMPLATES / "common")) | dict(_files(_TEMPLATES / template.value))
    source = _source_of_dsflow()
    files = {name: path.read_bytes() for name, path in paths.items()}
    extras = "local" if template is Template.ETL else "local,report"  # a model has curves
    lines = [f"{_PACKAGE}[{extras}]{source or ''}", "pytest", "# for DolphinScheduler 3.1 also", *_FOR_3_1]
    files["requirements.txt"] = "\n".join([*lines, ""]).encode()
    there = [name for name in files if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    if there:
        raise ConfigError(
            f"{folder} has {', '.join(sorted(there))} already; nothing was written",
            hint="name a folder that is not there yet",
        )
    try:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    pipeline = next(name for name, path in paths.items() if name.startswith("pipelines/") and _declares(path))
    for name in sorted(files):
        print(f"  {folder / name}")
    print("next:")
    print(f"  cd {shlex.quote(str(folder))}")
    if find_spec("pytest") is None:
        print("  pip install -r requirements.txt")
    print(f"  dsflow show {pipeline}")
    print(f"  dsflow run {pipeline} --local")
    print("  pytest")
    if source is None:
        print(
            f"note: this dsflow was installed from a folder; {folder / 'requirements.txt'} names {_PACKAGE} as an index"
        )
        print("      has it: write there where CI gets it from, such as a Git address")


_PACKAGE = "dsflow-openmldb"
_FOR_3_1 = ("# apache-dolphinscheduler<4.1", "# setuptools<82")


def _source_of_dsflow() -> str | None:
    """What a requirement says of where this dsflow came from (PEP 610): '' for an index, a Git address, or None for a
    folder of this machine, which nobody else knows."""
    text = distribution(_PACKAGE).read_text("direct_url.json")
    found = json.loads(text) if text else None
    if found is None:
        return ""
    url, control = str(found["url"]), found.get("vcs_info")
    if url.startswith("file:"):
        return None
    return f" @ {control['vcs']}+{url}@{control['commit_id']}" if control else f" @ {url}"


def _files(template: Path) -> Iterator[tuple[str, Path]]:
    """The files of a template by their names in the project, with ``/``."""
    for path in sorted(template.rglob("*")):
        parts = path.relative_to(template).parts
        if path.is_file() and "__pycache__" not in parts:
            yield "/".join("." + part.removeprefix(_DOT) if part.startswith(_DOT) else part for part in parts), path


def _declares(path: Path) -> bool:
    return ".cli()" in path.read_text(encoding="utf-8")
