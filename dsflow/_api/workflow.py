"""A Workflow that can be checked, compared, submitted, run, drawn, and be a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsflow.declare import workflow
from dsflow.declare.params import Scalar, to_text

if TYPE_CHECKING:
    from dsflow._api.shown import Findings, Run, ShownPlan, Submitted
    from dsflow.config import Profile
    from dsflow.definition import Definition


class Workflow(workflow.Workflow):
    __doc__ = workflow.Workflow.__doc__

    def validate(self, values: Mapping[str, Scalar] | None = None, *, profile: str | None = None) -> Findings:
        """Check it without any server, as the command ``validate`` does; mistakes are findings and no exceptions.

        Args:
            values: parameters' values in place of their defaults.
            profile: of dsflow.yaml, for the versions of DolphinScheduler and OpenMLDB.

        Raises:
            ParameterError: a value is for no parameter, or of another type.
        """
        from dsflow._api.shown import Findings
        from dsflow.cli.options import target
        from dsflow.validation import check

        place = target(self, profile)
        report = check(self, values, release=place.openmldb, version=place.known_version())
        return Findings.of(report, f"{self.project}/{self.name}")

    def plan(self, values: Mapping[str, Scalar] | None = None, *, profile: str | None = None) -> ShownPlan:
        """What `submit` would change on the server; writes nothing.

        Args:
            values: parameters' values in place of their defaults.
            profile: of dsflow.yaml; DSFLOW_* variables overrule it.

        Raises:
            DsflowError: the workflow is refused, or the server does not answer.
        """
        from dsflow._api.shown import ShownPlan
        from dsflow.dolphinscheduler.client import Server

        definition, place = self._there(values, profile)
        with Server(place) as server:
            return ShownPlan.of(server.plan(definition))

    def submit(
        self,
        values: Mapping[str, Scalar] | None = None,
        *,
        profile: str | None = None,
        overwrite_drift: bool = False,
        validate: bool = True,
    ) -> Submitted:
        """Make the server hold this workflow, and read it back to be sure.

        Args:
            values: parameters' values in place of their defaults.
            profile: of dsflow.yaml; DSFLOW_* variables overrule it.
            overwrite_drift: also undo what somebody else changed on the server.
            validate: refuse a workflow in which validating finds errors.

        Raises:
            DsflowError: it was not submitted; what the server holds then, the message says.
        """
        from dsflow._api.shown import Submitted
        from dsflow.dolphinscheduler.client import Server

        definition, place = self._there(values, profile)
        if validate:
            self._refuse_mistakes(values, profile, "nothing was submitted")
        with Server(place) as server:
            return Submitted.of(server.submit(definition, overwrite=overwrite_drift))

    def run(
        self,
        values: Mapping[str, Scalar] | None = None,
        *,
        profile: str | None = None,
        timeout: float | None = None,
        stop_on_interrupt: bool = False,
        show: bool = True,
    ) -> Run:
        """Start it on the server, as it was submitted, and follow it to its end.

        Args:
            values: parameters' values for this one run.
            profile: of dsflow.yaml; DSFLOW_* variables overrule it.
            timeout: seconds to follow it; None for no limit.
            stop_on_interrupt: whether an interrupt, or the end of ``timeout``, stops the run; else it goes on there.
            show: show the progress; in a notebook one picture that is drawn over and over.

        Raises:
            DsflowError: it could not be started or followed. A task that fails is no exception: see the ``state``.
        """
        from dsflow._api.running import display_of, run_there
        from dsflow.cli.options import typed
        from dsflow.dolphinscheduler.client import Server

        definition, place = self._there(None, profile)
        given = typed(self, {name: to_text(value) for name, value in (values or {}).items()})
        with Server(place) as server:
            display = display_of(definition) if show else None
            return run_there(server, definition, given, display, timeout=timeout, stop_on_interrupt=stop_on_interrupt)

    def run_local(
        self,
        values: Mapping[str, Scalar] | None = None,
        *,
        state: Path | None = None,
        show: bool = True,
        version: str | None = None,
        fresh: bool = False,
    ) -> Run:
        """Run here, on an embedded OpenMLDB, without any server.

        An interrupt stops the tasks and the servers of the run; its ``state`` is then STOPPED.

        Args:
            values: parameters' values, over their local and their plain defaults.
            state: folder for data, models and logs; kept for the next run. By default ``.dsflow/PROJECT/WORKFLOW``.
            show: show the progress; in a notebook one picture that is drawn over and over.
            version: the DolphinScheduler to be like (``3.1``, ``3.2.2``), where versions differ.
            fresh: run all steps; else those whose inputs did not change are taken from the run before.

        Raises:
            DsflowError: it could not be started. A task that fails is no exception: see the report's ``state``.
        """
        from dsflow._api.running import display_of, shown
        from dsflow.config import Profile
        from dsflow.local.runner import local_definition, run_local

        definition = local_definition(self)
        display = display_of(definition) if show else None
        known = Profile(version=version).known_version()
        report = run_local(self, values=values, state=state, display=display, version=known, fresh=fresh)
        return shown(report, definition, display)

    def _there(self, values: Mapping[str, Scalar] | None, profile: str | None) -> tuple[Definition, Profile]:
        """The Definition for a server, and which one that is."""
        from dsflow.cli.options import server_values, target

        place = target(self, profile)
        given = {name: to_text(value) for name, value in (values or {}).items()}
        return self.definition(server_values(self, place, given)), place

    def _refuse_mistakes(self, values: Mapping[str, Scalar] | None, profile: str | None, otherwise: str) -> None:
        from dsflow.errors import DeclarationError
        from dsflow.validation import findings_text

        found = self.validate(values, profile=profile)
        if not found.ok:
            errors = [finding for finding in found.findings if finding.severity == "error"]
            raise DeclarationError(
                f"validating {found.about} finds errors: {otherwise}\n{findings_text(errors)}",
                hint="mend it, or give validate=False",
            )

    def cli(self, arguments: Sequence[str] | None = None) -> None:
        """Be a command: ``python pipelines/x.py submit``. Ends the process with the command's exit code."""
        from dsflow.cli import workflow_command

        workflow_command(self, arguments)

    def _repr_svg_(self) -> str:
        from dsflow.display.svg import workflow_svg

        return workflow_svg(self.definition())

    def _repr_html_(self) -> str:
        from dsflow.display.html import image

        return image(self._repr_svg_(), repr(self))
