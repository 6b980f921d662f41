"""Finds every workflow below some paths; what is wrong in one file does not hide what is in the others."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dsflow.cli.loading import load_workflows
from dsflow.cli.options import server_values
from dsflow.cli.repository import Repository
from dsflow.config import Profile
from dsflow.declare.workflow import Workflow
from dsflow.definition import Definition
from dsflow.errors import ConfigError, DeclarationError, DsflowError, ParameterError, SourceLocation
from dsflow.source.pydolphinscheduler import ForeignSourceError, is_pydolphinscheduler, refusal

_LEFT_OUT = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"})
_YAML = re.compile(r"^workflow[ \t]*:[ \t]*[^\s#]", re.MULTILINE)  # a name: GitLab's `workflow:` has none
# by which a file may declare workflows: others are not run, and other YAML is none of ours
_WORDS = frozenset({"Workflow", "dsflow"})
_WORKER = ["dsflow", "worker"]
_DECLARES = {
    ".py": re.compile(r"\bWorkflow\b|\bdsflow\b"),
    ".yaml": _YAML,
    ".yml": _YAML,
}


@dataclass(frozen=True)
class Found:
    """A workflow, and the file that declares it (relative to the repository's root)."""

    workflow: Workflow
    file: str


@dataclass
class Collection:
    """What was found.

    Attributes:
        files: how many files were run.
        notes: files that are pydolphinscheduler's, and were not run.
    """

    found: list[Found] = field(default_factory=list)
    errors: list[DsflowError] = field(default_factory=list)
    files: int = 0
    notes: list[str] = field(default_factory=list)


def collect(paths: list[Path], repository: Repository) -> Collection:
    """Gather what the Python files below the paths that mention a Workflow declare, and the YAML files of workflows.

    A file that is named must declare a workflow; one that is found in a folder need not. Hidden folders, virtual
    environments and the like are left out.

    Raises:
        ConfigError: a path does not exist.
    """
    collection = Collection()
    named = {p.resolve() for p in paths if p.is_file()}
    for file in _files(paths):
        if file.resolve() not in named and not _may_declare(file):
            _name_foreign(file, collection)
            continue
        collection.files += 1
        try:
            with _own_modules(file):
                workflows = load_workflows(file)
        except ForeignSourceError as error:
            if file.resolve() in named:
                collection.errors.append(error)
            else:
                collection.files -= 1
                collection.notes.append(f"{error.where or file}: {error.message}; {error.hint}")
            continue
        except DsflowError as error:
            if error.where is None:
                error.where = str(file)
            collection.errors.append(error)
            continue
        except SystemExit as error:
            collection.errors.append(
                DeclarationError(
                    f"the file ends the program ({error.code!r}) when it is imported",
                    where=SourceLocation(str(file), 1),
                )
            )
            continue
        if not workflows and file.resolve() in named:
            collection.errors.append(
                DeclarationError(f"{file} declares no workflow", where=SourceLocation(str(file), 1))
            )
        collection.found += [Found(w, repository.relative(file)) for w in workflows]
    return collection


def _name_foreign(file: Path, collection: Collection) -> None:
    """Say of a YAML file that is pydolphinscheduler's that nothing was made of it."""
    if file.suffix == ".py":
        return
    text = file.read_text(encoding="utf-8", errors="replace")
    if "task_type" in text and is_pydolphinscheduler(text):
        error = refusal(str(file))
        collection.notes.append(f"{file}: {error.message}; {error.hint}")


def _may_declare(file: Path) -> bool:
    """Whether to look into a file that was found in a folder. Python is run for that, so its words alone do not count:
    the code must name one of them (a training script may speak of dsflow in a comment, and write its figures by
    `dsflow.worker`, where nothing is declared).
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    if not _DECLARES[file.suffix].search(text):
        return False
    if file.suffix != ".py":
        return True
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return True  # loading it says what is wrong, and where
    return any(_WORDS.intersection(_names(node)) for node in ast.walk(tree))


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            return [node.attr]
        case ast.ImportFrom():
            module = (node.module or "").split(".")
            return [] if module[:2] == _WORKER else [*module, *(alias.name for alias in node.names)]
        case ast.Import():
            named = [alias.name.split(".") for alias in node.names]
            return [part for parts in named if parts[:2] != _WORKER for part in parts]
    return []


def _files(paths: list[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ConfigError(f"there is no file or folder {path}")
        for file in [path] if path.is_file() else sorted(_below(path)):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        if entry.is_dir() and not (entry / "pyvenv.cfg").exists():
            yield from _below(entry)
        elif entry.suffix in _DECLARES and entry.is_file():
            yield entry


@contextmanager
def _own_modules(file: Path) -> Iterator[None]:
    """Forget afterwards what a file imported from beside it: another folder may have a module of the same name."""
    before = set(sys.modules)
    folder = file.resolve().parent
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            source = getattr(sys.modules[name], "__file__", None)
            if source and not name.startswith("dsflow") and Path(source).resolve().is_relative_to(folder):
                del sys.modules[name]


def definitions(collection: Collection, profile: Profile, given: Mapping[str, str]) -> list[tuple[Found, Definition]]:
    """Compile every workflow; an error is added to the collection's.

    Args:
        given: ``--set``: each reaches the workflows that have a parameter of that name.

    Raises:
        ParameterError: no workflow has a parameter of a given name.
    """
    workflows = [found.workflow for found in collection.found]
    check_given(workflows, given)
    compiled = []
    for found in collection.found:
        values = server_values(found.workflow, profile, own_values(found.workflow, given))
        try:
            compiled.append((found, found.workflow.definition(values)))
        except DsflowError as error:
            if error.where is None:
                error.where = found.workflow.where or found.file
            collection.errors.append(error)
    return compiled


def check_given(workflows: Sequence[Workflow], given: Mapping[str, str]) -> None:
    """See that each ``--set`` reaches a workflow.

    Raises:
        ParameterError: no workflow has a parameter of that name.
    """
    for name in given:
        if workflows and not any(name in workflow.parameters for workflow in workflows):
            raise ParameterError(f"--set {name}: none of the {len(workflows)} workflows has such a parameter")


def own_values(workflow: Workflow, given: Mapping[str, str]) -> dict[str, str]:
    """Those of the ``--set`` that name a parameter of the workflow."""
    return {name: value for name, value in given.items() if name in workflow.parameters}
