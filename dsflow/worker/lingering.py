"""Script tasks with outputs get lines of their own on DolphinScheduler 3.1, which would lose or cut the outputs.

Its worker takes the outputs as soon as the process has ended, while another thread may still be reading what the
process wrote (``AbstractCommandExecutor.run``, 3.1.5; 3.2 waits for that thread). Of a script that writes much just
before, or on a busy worker, ``${setValue(...)}`` is lost: the task is green, and a switch takes its other branch. So
one line is added to the script on its way to a 3.1 server, by which it stays a moment longer, and taken away when it is
read back: a Definition never holds it. So is the line by which a text arrives whole (see dsflow.outputs).

It does not help a script that sets another ``trap ... EXIT``, or that ends by ``exec`` or ``os._exit``.
"""

from __future__ import annotations

import re

from dsflow.definition import JsonDict
from dsflow.outputs import CODING, is_coded
from dsflow.worker.excerpt import MARK

SECONDS = 1
BRIEFLY = 0.3
"""Seconds for a step's own script (`dsflow.worker.excerpt`), which writes a few lines and its outputs first of all: a
whole second would be one more of the master's looks at it."""
_WHY = "dsflow: DolphinScheduler 3.1 loses outputs of a script that ends at once"


def _python(seconds: float) -> str:
    stay = f"atexit.register(lambda: (sys.stdout.flush(), time.sleep({seconds})))"
    return f"import atexit, sys, time; {stay}  # {_WHY}"


LINES = {"SHELL": f"trap 'sleep {SECONDS}' EXIT  # {_WHY}", "PYTHON": _python(SECONDS)}
_STEP = _python(BRIEFLY)
# what must come before any other statement
_FUTURE = re.compile(r"^from __future__ import (?:\([^)]*\)|.*\\\n.*|.*)$", re.MULTILINE)


def with_line(task_type: str, params: JsonDict, *, lingers: bool = True) -> JsonDict:
    """``taskParams`` as a 3.1 server should hold them; a local run needs not linger."""
    script = params.get("rawScript")
    gives = any(p.get("direct") == "OUT" for p in params.get("localParams") or [])
    if task_type not in LINES or not gives or not isinstance(script, str):
        return params
    line = _STEP if script.startswith(MARK) else LINES[task_type]
    if is_coded(task_type, params):
        script = _added(task_type, script, CODING[task_type])
    return {**params, "rawScript": _added(task_type, script, line) if lingers else script}


def _added(task_type: str, script: str, lines: str) -> str:
    place = 0
    if task_type == "PYTHON":
        place = max((found.end() for found in _FUTURE.finditer(script)), default=0)
    return script[:place] + (f"\n{lines}" if place else f"{lines}\n") + script[place:]


def without_line(task_type: str, params: JsonDict) -> JsonDict:
    """``taskParams`` as they were declared: the way back from :func:`with_line`."""
    script = params.get("rawScript")
    if task_type not in LINES or not isinstance(script, str):
        return params
    line = next((line for line in (LINES[task_type], _STEP) if line in script), None)
    if line is None:
        return params
    script = _taken_away(script, line)
    if CODING[task_type] in script:
        script = _taken_away(script, CODING[task_type])
    return {**params, "rawScript": script}


def _taken_away(script: str, lines: str) -> str:
    if script.startswith(f"{lines}\n"):
        return script[len(lines) + 1 :]
    return script.replace(f"\n{lines}", "", 1)
