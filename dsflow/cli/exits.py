"""The exit codes: one place, so that CI jobs can rely on them.

==== =========================================================================================
code meaning
==== =========================================================================================
0    the run ended SUCCESS
1    the run ended FAILURE, or the command could not do its work (the message says why); ``plan``: submitting would
     be refused; ``doctor``: a problem
2    ``plan``: something would change; any command: wrong options on the command line
3    the run was stopped or paused
4    the run was still going when ``--timeout`` was over
5    a server (REST API or gateway) did not answer, for longer than ``--server-timeout`` once a run was under way
130  Ctrl-C: the run goes on (with ``--stop-on-interrupt`` it was stopped: 3)
==== =========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable

from dsflow.errors import DsflowError
from dsflow.report import STOPPED, SUCCESS

OK = 0
FAILED = 1
CHANGES = 2
STOPPED_RUN = 3
TIMED_OUT = 4
UNREACHABLE = 5
INTERRUPTED = 130


def of_state(state: str) -> int:
    """The exit code for a run's final state (of :mod:`dsflow.report`)."""
    return {SUCCESS: OK, STOPPED: STOPPED_RUN}.get(state, FAILED)


def of_errors(errors: Iterable[DsflowError]) -> int:
    """The exit code after some errors: 5 when a server did not answer (another try may help), else 1; 0 for none."""
    codes = [error.exit_code for error in errors]
    return max(codes, default=OK)
