"""The text of a step's node: what it calls, and the excerpt of the worker's checks that it calls it from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsflow.declare.encoding import DOLLAR
from dsflow.worker import checks
from dsflow.worker.excerpt import MARK, excerpt

Call = tuple[str, dict[str, Any]]
"""A function of `dsflow.worker.checks`, and what it is given besides the cluster."""

_WIDTH = 120

START = "dsflow_start"
"""The start parameter of a part of a workflow: outputs, with blanks between, for which checks before it only ask."""


def step_script(cluster: tuple[str, str], calls: Sequence[Call], asks: Sequence[Call] = ()) -> str:
    """The text of a node: the calls first, which differ from node to node, then an excerpt of the checks.

    Args:
        asks: what is asked for the steps that come next. A run that begins there starts with this node (see
            `dsflow.declare.part`), and then it only asks. They come first: what DolphinScheduler 3.1 reads of a script
            that ends at once is not certain (see `dsflow.worker.lingering`).
    """
    functions = tuple(dict.fromkeys(function for function, _ in (*calls, *asks)))
    lines = [MARK, "def main():", f" cursor = connect({', '.join(map(_literal, cluster))})"]
    for call in asks:
        lines += [" " + line for line in _call(call)]
    indent = " "
    if asks:
        outputs = [str(settings["output"]) for _, settings in asks]
        lines.append(f" if not set('${{{START}}}'.split()).intersection({outputs!r}):")
        indent = "  "
    for call in calls:
        lines += [indent + line for line in _call(call)]
    return "\n".join([*lines, "", excerpt(Path(checks.__file__), ("connect", *functions)), "main()"]) + "\n"


def _call(call: Call) -> list[str]:
    function, settings = call
    arguments = [f"{name}={_literal(value)}" for name, value in settings.items()]
    line = f"{function}(cursor, {', '.join(arguments)})"
    return [line] if len(line) < _WIDTH else [f"{function}(", " cursor,", *(f" {a}," for a in arguments), ")"]


def _literal(value: object) -> str:
    """A value in Python; of a text the placeholders are filled in before Python reads it."""
    if isinstance(value, (bool, int, float)):
        return repr(value)
    return r" '\x24' ".join(map(repr, str(value).split(DOLLAR)))  # $ without its being a placeholder's
