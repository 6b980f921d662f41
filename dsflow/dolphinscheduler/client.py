"""One DolphinScheduler server, as the rest of dsflow sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dsflow.config import Profile
from dsflow.definition import Definition
from dsflow.dolphinscheduler.bootstrap import bootstrap
from dsflow.dolphinscheduler.environments import completed
from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.runs import RECOVER, RESUME, Run, Runs, Snapshot
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.submit import SubmitResult, Submitter
from dsflow.dolphinscheduler.wire.gateway import Gateways
from dsflow.dolphinscheduler.wire.names import server_names
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.report import RunReport

OnChange = Callable[[str, Snapshot], None]


class Server:
    """A server and a user of it. A context manager: leaving it closes the connections.

    Args:
        profile: where to and as whom.
        timeout: seconds for one REST request.

    Raises:
        ConfigError: the profile has no address or no credentials.
    """

    def __init__(self, profile: Profile, *, timeout: float = 60.0) -> None:
        self.profile = profile
        self.rest = RestClient(profile, timeout=timeout)
        self._submitter = Submitter(self.rest, Gateways(profile), profile)
        self._runs = Runs(self.rest, profile)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.rest.close()

    # ---------------------------------------------------------------- workflows

    def plan(self, definition: Definition) -> Plan:
        """What :meth:`submit` would change, and (``problems``) why it would be refused.

        Writes nothing and needs no gateway.
        """
        place, names = self._submitter.look_ahead(definition), server_names(self.rest)
        return self._submitter.plan(completed(definition, self.rest, self.profile, names), place, names)

    def submit(self, definition: Definition, *, overwrite: bool = False) -> SubmitResult:
        """Make the server hold exactly this workflow; writes nothing when it does already.

        Args:
            overwrite: also when that undoes what somebody else changed on the server (else a DriftError).
        """
        place, names = self._submitter.look_ahead(definition), server_names(self.rest)
        complete = completed(definition, self.rest, self.profile, names)
        return self._submitter.submit(complete, overwrite=overwrite, place=place, names=names)

    def read(self, project: str, name: str) -> Definition | None:
        """The workflow that the server holds under a name, or None."""
        return self._submitter.read(project, name).definition

    def state(self, project: str, name: str) -> ServerState:
        """Everything that the server holds under a name: codes, version, schedules."""
        return self._submitter.read(project, name)

    # ---------------------------------------------------------------- runs

    def start(
        self,
        definition: Definition | None = None,
        *,
        project: str | None = None,
        name: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a workflow that is on the server, by its Definition or by project and name; gives the run.

        Raises:
            RunError: it is not there, or offline, or no run appeared.
            ParameterError: ``params`` names something that cannot be set.
        """
        if definition is not None:
            project, name = definition.project, definition.name
        if not project or not name:
            raise ValueError("start needs a definition, or a project and a name")
        state = self._submitter.read(project, name)
        return self._runs.start(state, project, name, params or {}, definition)

    def run(self, project: str, instance: int) -> Run:
        """A run that was started before, by DolphinScheduler's id of it."""
        return self._runs.existing(project, self._submitter.project_code(project), instance)

    def follow(self, run: Run, on_change: OnChange | None = None, *, poll: float = 1.0) -> str:
        """Wait for the end of a run; gives its final state (of :mod:`dsflow.report`).

        Args:
            on_change: gets the run's state and ``{task: state}`` each time something changed; tasks that
                DolphinScheduler has not made yet are missing.
            poll: seconds between two looks.
        """
        state = ""
        for state, tasks in self._runs.snapshots(run, poll=poll):
            if on_change is not None:
                on_change(state, tasks)
        return state

    def report(self, run: Run, definition: Definition | None = None, *, logs: bool = True) -> RunReport:
        """What became of a run: states, times, outputs, logs."""
        return self._runs.report(run, definition, logs=logs)

    def stop(self, run: Run) -> None:
        """Kill a run."""
        self._runs.stop(run)

    def pause(self, run: Run) -> None:
        """Let a run's running tasks end and start no further ones."""
        self._runs.pause(run)

    def recover(self, run: Run) -> None:
        """Run the failed tasks of a run again, or go on with a paused or stopped one."""
        self._runs.go_on(run, RECOVER, RESUME)

    # ---------------------------------------------------------------- the server itself

    def bootstrap(
        self,
        *,
        tenant: str | None = None,
        project: str | None = None,
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
        worker_group: str = "default",
        workers: Sequence[str] = (),
        say: Callable[[str], None] = print,
    ) -> None:
        """Create what a fresh server lacks; see :func:`dsflow.dolphinscheduler.bootstrap.bootstrap`."""
        bootstrap(
            self.rest,
            self.profile,
            tenant=tenant,
            project=project,
            environment=environment,
            variables=variables,
            worker_group=worker_group,
            workers=workers,
            say=say,
        )
