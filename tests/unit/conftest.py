"""Ways to declare something and to see what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dsflow import Definition, Workflow
from dsflow.errors import DsflowError, SourceLocation

Make = Callable[[Workflow], object]


@pytest.fixture
def compiled() -> Callable[..., Definition]:
    """``compiled(lambda wf: Shell("a", "true"), params={...})``: the Definition of what a function declares."""

    def compile_it(make: Make, values: dict[str, Any] | None = None, **fields: Any) -> Definition:
        with Workflow("w", project="p", **fields) as wf:
            make(wf)
        return wf.definition(values)

    return compile_it


@pytest.fixture
def refused(compiled: Callable[..., Definition]) -> Callable[..., DsflowError]:
    """``refused(make, "a part of the message")``: the error that a declaration (a lambda of one line) must be."""

    def refuse(make: Make, says: str, **fields: Any) -> DsflowError:
        with pytest.raises(DsflowError) as caught:
            compiled(make, **fields)
        error = caught.value
        assert says in str(error), str(error)
        assert error.where == SourceLocation(make.__code__.co_filename, make.__code__.co_firstlineno), error.where
        return error

    return refuse
