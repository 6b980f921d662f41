"""Script tasks with outputs stay a moment longer on DolphinScheduler 3.1, which would lose the outputs otherwise.

Its worker takes the outputs as soon as the process has ended, while another thread may still be reading what the
process wrote (``AbstractCommandExecutor.run``, 3.1.5; 3.2 waits for that thread). Of a script that writes much just
before, or on a busy worker, ``${setValue(...)}`` is lost: the task is green, and a switch takes its other branch. So
one line is added to the script on its way to a 3.1 server, and taken away when it is read back: a Definition never
holds it.

It does not help a script that sets another ``trap ... EXIT``, or that ends by ``exec`` or ``os._exit``.
"""

from __future__ import annotations

import re

from dsflow.definition import JsonDict

SECONDS = 1
_WHY = "dsflow: DolphinScheduler 3.1 loses outputs of a script that ends at once"
LINES = {
    "SHELL": f"trap 'sleep {SECONDS}' EXIT  # {_WHY}",
    "PYTHON": "import atexit, sys, time; "
    f"atexit.register(lambda: (sys.stdout.flush(), time.sleep({SECONDS})))  # {_WHY}",
}
# what must come before any other statement
_FUTURE = re.compile(r"^from __future__ import (?:\([^)]*\)|.*\\\n.*|.*)$", re.MULTILINE)


def with_line(task_type: str, params: JsonDict) -> JsonDict:
    """``taskParams`` as a 3.1 server should hold them."""
    script = params.get("rawScript")
    gives = any(p.get("direct") == "OUT" for p in params.get("localParams") or [])
    if task_type not in LINES or not gives or not isinstance(script, str):
        return params
    place = 0
    if task_type == "PYTHON":
        place = max((found.end() for found in _FUTURE.finditer(script)), default=0)
    line = f"\n{LINES[task_type]}" if place else f"{LINES[task_type]}\n"
    return {**params, "rawScript": script[:place] + line + script[place:]}


def without_line(task_type: str, params: JsonDict) -> JsonDict:
    """``taskParams`` as they were declared: the way back from :func:`with_line`."""
    script, line = params.get("rawScript"), LINES.get(task_type)
    if line is None or not isinstance(script, str) or line not in script:
        return params
    if script.startswith(f"{line}\n"):
        return {**params, "rawScript": script[len(line) + 1 :]}
    return {**params, "rawScript": script.replace(f"\n{line}", "", 1)}
