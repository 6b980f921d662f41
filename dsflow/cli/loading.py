"""Finds the workflows that a pipeline file declares, in Python or in YAML."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from dsflow._mistakes import explained
from dsflow.declare.context import declared_workflows
from dsflow.declare.workflow import Workflow
from dsflow.errors import DeclarationError, DsflowError, SourceLocation


class _Uncached(SourceFileLoader):
    """Loads a file as it stands now.

    Python's byte code counts as current while time (in whole seconds) and size are the same, which a file that a
    program writes can be after a change; and it would be left beside the user's files.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def load_workflows(path: Path) -> list[Workflow]:
    """Run a pipeline file and give the workflows that it declared, in order.

    Raises:
        DeclarationError: there is no such file, or it does not run.
        ForeignSourceError: it is pydolphinscheduler's, and was not run.
    """
    if not path.is_file():
        raise DeclarationError(f"there is no pipeline file {path}")
    if path.suffix in (".yaml", ".yml"):
        from dsflow.source.yaml_form import load_yaml

        return load_yaml(path)
    if path.suffix != ".py":
        raise DeclarationError(f"{path} is neither a Python file nor a YAML file")
    from dsflow.source.pydolphinscheduler import check_script

    check_script(path.read_text(encoding="utf-8", errors="replace"), str(path))
    name = f"dsflow_pipeline_{path.stem}_{abs(hash(path.resolve()))}"
    loader = _Uncached(name, str(path.resolve()))
    spec = importlib.util.spec_from_file_location(name, path.resolve(), loader=loader)
    assert spec is not None  # as there is a loader
    before = len(declared_workflows())
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # a pipeline file may import what lies beside it
    try:
        loader.exec_module(module)
    except DsflowError:
        raise
    except SyntaxError as error:
        line, start = (error.text or "").rstrip("\n"), max((error.offset or 1) - 1, 0)
        raise DeclarationError(
            f"{error.msg}",
            where=SourceLocation(error.filename or str(path), error.lineno or 0),
            excerpt=f"{line}\n{' ' * start}^" if line else "",
        ) from error
    except Exception as error:
        if (known := explained(error)) is not None:
            raise known from error
        frame = next(
            (f for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(path.resolve())), None
        )
        where = SourceLocation(str(path), (frame.lineno if frame else None) or 0)
        raise DeclarationError(f"{type(error).__name__}: {error}", where=where) from error
    finally:
        sys.path.remove(folder)
    return declared_workflows()[before:]


def load_workflow(reference: str) -> Workflow:
    """The workflow that ``FILE`` or ``FILE:NAME`` means.

    Raises:
        DeclarationError: the file declares none, several (and no NAME is given), or not that one.
    """
    file, colon, name = reference.rpartition(":")
    if not colon or Path(reference).is_file():
        file, name = reference, ""
    workflows = load_workflows(Path(file))
    names = ", ".join(w.name for w in workflows)
    if not workflows:
        raise DeclarationError(f"{file} declares no workflow")
    if name:
        found = [w for w in workflows if w.name == name]
        if not found:
            raise DeclarationError(f"{file} declares no workflow {name!r}", hint=f"it declares: {names}")
        return found[0]
    if len(workflows) > 1:
        raise DeclarationError(
            f"{file} declares several workflows: {names}", hint=f"name one: {file}:{workflows[0].name}"
        )
    return workflows[0]
