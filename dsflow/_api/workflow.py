"""A Workflow that can be run, drawn and be a command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsflow.declare import workflow
from dsflow.declare.params import Scalar
from dsflow.report import RunReport


class Workflow(workflow.Workflow):
    __doc__ = workflow.Workflow.__doc__

    def run_local(
        self,
        values: Mapping[str, Scalar] | None = None,
        *,
        state: Path | None = None,
        show: bool = True,
        version: str | None = None,
        fresh: bool = False,
    ) -> RunReport:
        """Run here, on an embedded OpenMLDB, without any server.

        Args:
            values: parameters' values, over their local and their plain defaults.
            state: folder for data, models and logs; kept for the next run. By default ``.dsflow/PROJECT/WORKFLOW``.
            show: show the progress.
            version: the DolphinScheduler to be like (``3.1``, ``3.2.2``), where versions differ.
            fresh: run all steps; else those whose inputs did not change are taken from the run before.

        Raises:
            DsflowError: it could not be started. A task that fails is no exception: see the report's ``state``.
        """
        from dsflow.config import Profile
        from dsflow.display.progress import RunDisplay
        from dsflow.local.runner import local_definition, run_local

        # a notebook shows what goes to standard error in red
        display = RunDisplay(local_definition(self), stream=sys.stdout) if show else None
        known = Profile(version=version).known_version()
        return run_local(self, values=values, state=state, display=display, version=known, fresh=fresh)

    def cli(self, arguments: Sequence[str] | None = None) -> None:
        """Be a command: ``python pipelines/x.py submit``. Ends the process with the command's exit code."""
        from dsflow.cli import workflow_command

        workflow_command(self, arguments)

    def _repr_svg_(self) -> str:
        from dsflow.display.svg import workflow_svg

        return workflow_svg(self.definition())
