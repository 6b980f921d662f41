"""Running a workflow for dates in the past: DolphinScheduler's COMPLEMENT_DATA.

One start makes many runs. Serially, the run of a date is made when that of the date before has ended SUCCESS; in
parallel, the dates are dealt into N such chains, all begun at once. A chain ends at its first run without SUCCESS.
The dates are those of the workflow's live schedule, or without one each midnight, both ends included.

Dates of a schedule are in its time zone, in which ``$[yyyyMMdd]`` of a parameter is filled, and the server takes them
in its own: asked for a range, it would give each run the wrong day where the two differ. A list of moments is right in
any zone. 3.2 takes one of at most 100; 3.1 takes it too and shuffles it, so there it serves only for dates that run
side by side.

What a chain still has before it stands in each run's ``commandParam``: 3.2 and later list the dates, 3.1 gives the
first and the last one. On 3.1 with a live schedule the dates between are known to the server alone, so there the end is
only certain when nothing has come for a while.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from dsflow.cron import parse
from dsflow.definition import Definition
from dsflow.dolphinscheduler.client import Server
from dsflow.dolphinscheduler.clock import server_times
from dsflow.dolphinscheduler.runs import MARK, Runs, check_params, map_state
from dsflow.dolphinscheduler.schedules import preview_note
from dsflow.dolphinscheduler.state import ServerState
from dsflow.dolphinscheduler.watch import Patience, RunTimeoutError
from dsflow.dolphinscheduler.wire import codec
from dsflow.dolphinscheduler.wire.forms import backfill_form
from dsflow.dolphinscheduler.wire.rows import Instance, list_of_dates, range_of_dates, text_of
from dsflow.errors import ParameterError, RunError
from dsflow.report import FAILURE, FINAL_STATES, RUNNING, SKIPPED, STOPPED, SUCCESS

FORM = "%Y-%m-%d %H:%M:%S"
GRACE = 15.0  # seconds without a new run after which a chain whose length is not known is over
SEEN_RUNS = 100
MOST_DATES = 100  # that a list holds (SCHEDULE_TIME_MAX_LENGTH)


@dataclass(frozen=True)
class DateRun:
    """The run of one date.

    Attributes:
        date: ``YYYY-MM-DD HH:MM:SS``, the time that the run stands for.
        instance: DolphinScheduler's id of the run; None for a date whose turn has not come.
        state: of :mod:`dsflow.report`; SKIPPED when its turn cannot come any more.
        rest: the dates that follow in its chain; None when only the server knows.
    """

    date: str
    instance: int | None
    state: str
    seconds: float = 0.0
    rest: tuple[str, ...] | None = ()


@dataclass
class Backfill:
    """A backfill that was started.

    Attributes:
        dates: all its dates, when they are known from the start, as the server's clock shows them.
        notes: what a user should know.
    """

    project_code: int
    workflow_code: int
    trigger: int | None
    mark: str
    before: set[int]
    parallel: int
    dates: tuple[str, ...] | None
    runs: dict[int, DateRun] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def missing(self) -> set[str]:
        """Dates that have no run yet, as far as dates are known."""
        known = set(self.dates or ())
        for run in self.runs.values():
            known.update(run.rest or ())
        return known - {r.date for r in self.runs.values()}

    def hopeless(self) -> set[str]:
        """Dates whose turn cannot come, because an earlier one of their chain did not succeed."""
        broken = [r for r in self.runs.values() if r.state in FINAL_STATES and r.state != SUCCESS]
        return self.missing() & {date for run in broken for date in run.rest or ()}

    @property
    def going(self) -> bool:
        """Whether one of its runs is going."""
        return any(r.state not in FINAL_STATES for r in self.runs.values())

    @property
    def certain(self) -> bool:
        """Whether nothing more can come."""
        if self.going or not self.runs or self.missing() - self.hopeless():
            return False
        chains = min(self.parallel, len(self.dates)) if self.dates is not None else self.parallel
        open_end = any(r.rest is None and r.state == SUCCESS for r in self.runs.values())
        return not open_end and (self.dates is not None or len(self._heads()) >= chains)

    def _heads(self) -> list[DateRun]:
        later = {date for run in self.runs.values() for date in run.rest or ()}
        return [r for r in self.runs.values() if r.date not in later]

    def rows(self) -> list[DateRun]:
        """Every date in order, those without a run included."""
        hopeless = self.hopeless()
        waiting = [DateRun(d, None, SKIPPED if d in hopeless else RUNNING) for d in self.missing()]
        return sorted([*self.runs.values(), *waiting], key=lambda r: (r.date, r.instance or 0))

    @property
    def state(self) -> str:
        """SUCCESS when each date succeeded, else the worst that happened, or RUNNING."""
        if self.going:
            return RUNNING
        states = {r.state for r in self.runs.values()}
        if FAILURE in states:
            return FAILURE
        return STOPPED if STOPPED in states else SUCCESS


@dataclass(frozen=True)
class _Asked:
    """The dates in the form of a start, and those that they stand for, if they are known.

    Attributes:
        is_list: whether the dates are listed, and not a range of which the server makes them.
    """

    form: dict[str, str]
    dates: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    is_list: bool = False


class Backfills:
    """Starts backfills of one workflow and follows them."""

    def __init__(self, server: Server, project: str, name: str) -> None:
        self._server = server
        self._rest = server.rest
        self._runs = Runs(server.rest, server.profile)
        self._project = project
        self._name = name

    def start(
        self, definition: Definition, params: Mapping[str, str], first: datetime, last: datetime, parallel: int = 1
    ) -> Backfill:
        """Start it.

        Args:
            first: from when on, in the schedule's time zone; without a schedule in the server's.
            last: until when, included.
            parallel: how many chains run side by side.

        Raises:
            RunError: the workflow is not there, or offline.
            ParameterError: the range is empty, or a parameter cannot be set.
        """
        state = self._server.state(self._project, self._name)
        if state.code is None:
            raise RunError(f"project {self._project!r} has no workflow {self._name!r} on the server", hint="submit it")
        if not state.online:
            raise RunError(f"workflow {self._name!r} is offline on the server", hint="submit it with online=True")
        check_params(definition, state, params)
        if first > last:
            raise ParameterError(f"there is no date from {first} to {last}")
        asked = self._asked(state, first, last, parallel)
        mark = uuid.uuid4().hex
        form = {
            **self._runs.form(state.code, definition, params, "" if self._rest.series().tells_trigger else mark),
            **backfill_form(asked.form, self._parallel(asked, parallel) if parallel > 1 else None),
        }
        before = {run.id for run in self._rest.newest_instances(state.project_code, state.code, SEEN_RUNS)}
        told = self._rest.start(state.project_code, form)
        # where a start tells its runs, it tells only the first one of each chain
        trigger = told[0] if told and self._rest.series().tells_trigger else None
        return Backfill(state.project_code, state.code, trigger, mark, before, parallel, asked.dates, notes=asked.notes)

    def _parallel(self, asked: _Asked, parallel: int) -> int:
        """3.1 (a list) and 3.3 deal the dates into chains of so many, not into so many chains."""
        series = self._rest.series()
        if series.deals_by_length and asked.dates:
            return math.ceil(len(asked.dates) / parallel)
        return parallel if series.keeps_dates or not asked.is_list else 1

    def _asked(self, state: ServerState, first: datetime, last: datetime, parallel: int) -> _Asked:
        """What the server is asked for, so that each run gets the day that is meant."""
        live = [schedule for schedule in state.schedules if schedule.online]
        if not live:
            dates = midnights(first, last)
            if not dates:
                raise ParameterError(
                    f"there is no date from {first} to {last}: a backfill without a schedule runs at 0:00"
                )
            return _Asked(_range(first, last), dates)
        if len(live) > 1:
            return _Asked(_range(first, last), None, ("the workflow has several live schedules: in the server's zone",))
        schedule = codec.schedule_from_server(live[0].row)
        try:
            zone = ZoneInfo(schedule.timezone_id)
            moments = _due(schedule.crontab, zone, first, last)
        except (ValueError, LookupError, OSError):  # an expression or a zone that only Java knows
            return _Asked(_range(first, last), None, ("the dates of this schedule are the server's",))
        if not moments:
            raise ParameterError(
                f"the schedule {schedule.crontab!r} has no date between {first} and {last} "
                f"(time zone {schedule.timezone_id})"
            )
        own = [moment.replace(tzinfo=None) for moment in moments]
        shown = server_times(self._rest, moments, zone)
        if shown == own and (not self._rest.series().keeps_dates or len(own) > MOST_DATES):
            note = preview_note(self._rest, Definition("", "", (), (), schedule=schedule), state.project_code)
            return _Asked(
                _range(first, last), None, (f"{note}; a backfill's dates are those of the page",) if note else ()
            )
        self._check_list(shown, own, schedule.timezone_id, parallel)
        dates = tuple(moment.strftime(FORM) for moment in shown or ())
        note = (
            "dates are shown as the server's clock shows them; $[...] in a parameter is filled in the schedule's zone "
            f"({schedule.timezone_id}), and in a script's text in the server's, as in a run of the schedule"
        )
        return _Asked(list_of_dates(dates), dates, (note,) if shown != own else (), is_list=True)

    def _check_list(self, shown: list[datetime] | None, own: list[datetime], zone: str, parallel: int) -> None:
        """Refuse dates that could only be given to the server as a range, which it takes in another zone."""
        if shown is None:
            raise ParameterError(
                f"the server's time zone is not certain, and not {zone}, that of the schedule: its runs might get the "
                "wrong day",
                hint="give the server's and the schedule's the same time zone",
            )
        if len(own) > MOST_DATES:
            raise ParameterError(
                f"these are {len(own)} dates; the server takes {MOST_DATES} at once of a schedule whose time zone "
                f"({zone}) is not its own",
                hint="backfill a shorter range, one after the other",
            )
        if not self._rest.series().keeps_dates and len(own) > max(parallel, 1):
            raise ParameterError(
                f"DolphinScheduler 3.1 takes dates in its own time zone, and the schedule's is {zone}: in order, each "
                "run would get the wrong day",
                hint=f"run the {len(own)} dates side by side (--parallel {len(own)}), or one by one",
            )

    def look(self, backfill: Backfill) -> bool:
        """Read how far it is; gives whether anything changed."""
        before = dict(backfill.runs)
        for run in self._own(backfill):
            known = backfill.runs.get(run.id)
            date = text_of(run.scheduled)
            if date is not None:  # a run has none in its first moment
                rest = known.rest if known else self._rest_of(backfill, run, date)
                backfill.runs[run.id] = DateRun(date, run.id, map_state(run.state), run.seconds, rest)
        return backfill.runs != before

    def _own(self, backfill: Backfill) -> list[Instance]:
        """Its runs, of those that the workflow has."""
        project = backfill.project_code
        if backfill.trigger is not None:
            return self._rest.instances_of_trigger(project, backfill.trigger)
        found = []
        for run in self._rest.newest_instances(project, backfill.workflow_code, SEEN_RUNS):
            if run.id in backfill.before:
                continue
            if run.id not in backfill.runs:
                run = replace(run, told=self._rest.instance(project, run.id).told)
                if not run.told and map_state(run.state) not in FINAL_STATES:
                    continue  # from 3.3 on a run tells nothing until a master takes it up
                if MARK not in run.told or backfill.mark not in run.told:
                    backfill.before.add(run.id)
                    continue
            found.append(run)
        return found

    def _rest_of(self, backfill: Backfill, run: Instance, date: str) -> tuple[str, ...] | None:
        ahead = run.ahead()
        if ahead is None:
            return None
        if ahead.dates is not None:
            return tuple(d for d in ahead.dates if d > date)
        if ahead.last and ahead.last <= date:
            return ()
        if backfill.dates is not None and ahead.last:
            bound = (datetime.strptime(ahead.last, FORM) + timedelta(seconds=1)).strftime(FORM)
            return tuple(d for d in backfill.dates if date < d <= bound)
        return None

    def follow(self, backfill: Backfill, patience: Patience, *, limit: float | None = None) -> Iterator[Backfill]:
        """The backfill each time something changed, until nothing more comes.

        Raises:
            UnreachableError: the server does not answer for longer than ``patience`` allows.
            RunTimeoutError: it took longer than ``limit`` seconds; it goes on.
            RunError: no run appeared.
        """
        began = changed = patience.clock()
        while True:
            if patience.ask(lambda: self.look(backfill)):
                changed = patience.clock()
                yield backfill
            if backfill.certain:
                return
            idle = patience.clock() - changed
            if not backfill.runs and idle > 60:
                raise RunError(
                    "the server accepted the backfill, but made no run within 60 s",
                    hint="is a master server running? Are there dates of the schedule between --from and --to?",
                )
            if backfill.runs and not backfill.going and idle > GRACE:
                return
            if limit is not None and patience.clock() - began > limit:
                raise RunTimeoutError(f"the backfill was not over after {limit:g} s: it goes on")
            patience.sleep(patience.poll)

    def stop(self, backfill: Backfill) -> None:
        """Stop the runs that are going; a chain does not go on after a stopped run."""
        self.look(backfill)
        for run in backfill.runs.values():
            if run.state not in FINAL_STATES and run.instance is not None:
                self._rest.execute(backfill.project_code, run.instance, "STOP")


def _range(first: datetime, last: datetime) -> dict[str, str]:
    # The server adds a second to the end (source, CronUtils.getSelfFireDateList, 3.1.5 and 3.2.2).
    end = last - timedelta(seconds=1) if last - first > timedelta(seconds=1) else last
    return range_of_dates(first.strftime(FORM), end.strftime(FORM))


def _due(crontab: str, zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """When a schedule was due, both ends included."""
    until = last.replace(tzinfo=zone, fold=1)
    found = []
    for moment in parse(crontab).times(first.replace(tzinfo=zone) - timedelta(seconds=1), zone):
        if moment.astimezone(timezone.utc) > until.astimezone(timezone.utc):
            break
        found.append(moment)
    return found


def midnights(first: datetime, last: datetime) -> tuple[str, ...]:
    """Each midnight from ``first`` to ``last``, both included."""
    day = datetime(first.year, first.month, first.day)
    if day < first:
        day += timedelta(days=1)
    found = []
    while day <= last:
        found.append(day.strftime(FORM))
        day += timedelta(days=1)
    return tuple(found)


def parse_date(text: str, *, end: bool = False) -> datetime:
    """``YYYY-MM-DD`` or ``YYYY-MM-DD HH:MM:SS``.

    Args:
        end: a date alone means its last second, so that the whole day is in.

    Raises:
        ParameterError: it is neither.
    """
    for form in ("%Y-%m-%d", FORM):
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        return moment + timedelta(days=1, seconds=-1) if end and form == "%Y-%m-%d" else moment
    raise ParameterError(f"{text!r} is not a date", hint="such as 2024-01-31, or '2024-01-31 06:00:00'")


def run_now(clock: Callable[[], float] = time.time) -> datetime:
    """The present moment; a backfill into the future would run at once with a wrong date."""
    return datetime.fromtimestamp(clock())
