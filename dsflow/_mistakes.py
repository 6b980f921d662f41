"""A mistake in a pipeline file, said as one message with its place instead of a traceback."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType, TracebackType

from dsflow.declare.locations import in_package
from dsflow.errors import DeclarationError, DsflowError, SourceLocation, did_you_mean

_KEYWORD = re.compile(r"(?P<callee>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'")


def explained(error: Exception) -> DsflowError | None:
    """What an error that dsflow did not raise means, if it is a wrong word given to dsflow.

    Args:
        error: what a pipeline file raised: a keyword that a task or method does not have, or a name that a module or
            object of dsflow does not have.

    Returns:
        The mistake, with the line in the user's file and the word that was probably meant; None: it is another error.
    """
    frames = list(_frames(error.__traceback__))
    theirs = [n for n, (frame, _) in enumerate(frames) if not in_package(frame.f_code.co_filename)]
    if not theirs:
        return None
    frame, line = frames[theirs[-1]]
    where = SourceLocation(frame.f_code.co_filename, line)
    if isinstance(error, TypeError) and (match := _KEYWORD.search(str(error))):
        called = next((frame for frame, _ in frames[theirs[-1] + 1 :]), None)
        return _keyword(match["callee"], match["name"], called, where)
    if isinstance(error, AttributeError) and _is_ours(error.obj):
        owner = error.obj.__name__ if isinstance(error.obj, ModuleType) else type(error.obj).__name__
        known = _names(error.obj)
        hint = (
            did_you_mean(error.name or "", known, f"it has: {', '.join(known)}" if len(known) <= 20 else "", most=2)
            or None
        )
        return DeclarationError(f"{owner.removeprefix('dsflow.')} has no {error.name!r}", where=where, hint=hint)
    return None


def message(error: BaseException) -> str | None:
    """What to print of an error that ends a pipeline file; None: its traceback.

    Errors that are not dsflow's, and no wrong word given to it, keep their traceback. ``DSFLOW_TRACEBACK=1`` shows that
    of dsflow's too.
    """
    known = error if isinstance(error, DsflowError) else explained(error) if isinstance(error, Exception) else None
    return None if known is None or os.environ.get("DSFLOW_TRACEBACK") == "1" else str(known)


def _keyword(callee: str, name: str, called: FrameType | None, where: SourceLocation) -> DsflowError | None:
    """A keyword that is not there; ``called`` is dsflow's method that the user called, if it handed the keyword on."""
    spoken = callee.removesuffix(".__init__")
    function = _find(spoken)
    if function is None:
        return None
    kinds = {p.name: p.kind for p in inspect.signature(function).parameters.values()}
    known = {p for p, kind in kinds.items() if kind is not inspect.Parameter.VAR_KEYWORD}
    if called is not None:
        code = called.f_code
        spoken = code.co_name
        known |= set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    known -= {"self", "cls"}
    hint = did_you_mean(name, sorted(known), f"it takes: {', '.join(sorted(known))}", most=2)
    return DeclarationError(f"{spoken} takes no {name!r}", where=where, hint=hint)


def _names(thing: object) -> list[str]:
    """What a user may have meant in a module or an object; what a module merely imports is left out."""
    known = [name for name in dir(thing) if not name.startswith("_")]
    if not isinstance(thing, ModuleType):
        return known
    imported = {name for name in known if not _is_ours(getattr(thing, name))}
    return [name for name in known if name not in imported]


def _find(qualified: str) -> Callable[..., object] | None:
    """A class or method of dsflow by its name in a TypeError, which says no module."""
    first, *rest = qualified.split(".")
    for name, module in list(sys.modules.items()):
        found: object = vars(module).get(first) if name.partition(".")[0] == "dsflow" else None
        for part in rest:
            found = getattr(found, part, None)
        if callable(found) and _is_ours(found):
            return found
    return None


def _is_ours(thing: object) -> bool:
    if isinstance(thing, ModuleType):
        return thing.__name__.partition(".")[0] == "dsflow"
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).partition(".")[0] == "dsflow"


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
