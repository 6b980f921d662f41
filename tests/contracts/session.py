"""The commands of a flow, in a process where nothing is left to chance."""

from __future__ import annotations

import random
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsflow.cli import following
from dsflow.config import Profile
from dsflow.dolphinscheduler.client import Server
from tests.integration.commands import Commands, Done


class Session(Commands):
    """Runs `dsflow ...` for a flow, and fails where a command does not end as it should.

    Attributes:
        version: DolphinScheduler's.
    """

    version = ""

    def dsflow(self, *arguments: str, code: int = 0) -> str:
        """What a command printed, once its exit code is as expected."""
        done: Done = self(*arguments)
        assert done.code == code, f"dsflow {' '.join(arguments)}: exit code {done.code}, not {code}\n{done.all}"
        return done.all

    @contextmanager
    def server(self) -> Iterator[Server]:
        """A connection of somebody else's."""
        with Server(self.profile) as server:
            yield server


@contextmanager
def session(version: str, profile: Profile, *, poll: float) -> Iterator[Session]:
    """A session in a folder of its own.

    Args:
        poll: seconds between two looks at a run.
    """
    numbers = random.Random(0)
    for name in [n for n in sys.modules if n.split(".")[0] == "pydolphinscheduler"]:
        del sys.modules[name]  # importing it calls the gateway: once in each flow
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        # marks by which dsflow finds its own run again, the same when recording and when playing
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=numbers.getrandbits(128), version=4))
        patch.setattr(following, "POLL", poll)
        patch.setenv("DSFLOW_GATEWAY_TOKEN", str(profile.gateway_token))
        patch.setenv("COLUMNS", "120")
        made = Session(profile, Path(folder), patch)
        made.version = version
        yield made
