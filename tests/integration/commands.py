"""Commands as a user types them, run in this process against a test server."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dsflow.cli import main
from dsflow.config import Profile


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


def variables(profile: Profile) -> dict[str, str]:
    """A profile as the variables that name it."""
    return {
        "DSFLOW_API_URL": str(profile.api_url),
        "DSFLOW_GATEWAY": str(profile.gateway),
        "DSFLOW_GATEWAY_TOKEN": str(profile.gateway_token),
        "DSFLOW_USER": str(profile.user),
        "DSFLOW_PASSWORD": str(profile.password),
    }


class Commands:
    """Runs `dsflow ...` in a folder of its own.

    Args:
        folder: becomes the working directory.
    """

    def __init__(self, profile: Profile, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.profile = profile
        monkeypatch.chdir(folder)
        for name, value in variables(profile).items():
            monkeypatch.setenv(name, value)

    def __call__(self, *arguments: Any) -> Done:
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        before = sys.stdin
        sys.stdin = io.StringIO()  # nobody to be asked
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code
        finally:
            sys.stdin = before
        return Done(int(code or 0), out.getvalue(), err.getvalue())

    def write(self, name: str, text: str) -> Path:
        """A pipeline file."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("from dsflow import *\n" + text)
        return file
