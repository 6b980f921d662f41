"""What the released classes of DolphinScheduler 3.4 make of parameters, outputs, switches and declarations.

No released server of 3.4 was at hand, but Maven Central has these of its jars:
``org.apache.dolphinscheduler:dolphinscheduler-{api,service,common,dao}:3.4.3`` and ``dolphinscheduler-master:3.4.2``.
`Asker` calls their classes as a server does. ``python -m tests.conformance.series34.record CLASSES`` records the
answers; CLASSES is a class path of those five jars, ``org.openjdk.nashorn:nashorn-core:15.4`` with its ``asm`` jars,
and at last the jars of a 3.3 built from source, for task-api and extract-master (no registry has 3.4's): so what puts
a value into a text is 3.3's; which values there are, and what a switch does, are the released classes'. One class that
3.4's task-api has and 3.3's lacks, a list as JSON, is in ``stand_in``. Java 17 compiles and runs it, with UTC.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsflow.definition import Definition, Property, Relation, TaskDefinition
from dsflow.dolphinscheduler.wire import codec, v3_4
from tests.conformance.conditions.generate import cases

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.jsonl"
CONDITIONS = 1200
TEXT = "${x}|${chain}|${other}|${own}|${nobody}"
OUTPUTS = (None, "O", "", "<${other}>")
OWN = (None, Property("x", value="L"), Property("x", value="${x}"), Property("x", "OUT"))

Case = tuple[Definition, dict[str, str], dict[str, str]]
"""A workflow, the values of its start, and the outputs of its task ``maker``."""


def parameters() -> Iterator[Case]:
    """A name as a workflow's parameter, a task's own, a value of the start and an output, in all combinations."""
    for shared, own, given, output in itertools.product((None, "G", ""), OWN, (None, "S"), OUTPUTS):
        if given is not None and shared is None:
            continue  # a start has values for the workflow's parameters only
        made = {"other": "o"} if output is None else {"other": "o", "x": output}
        local = [*([own] if own else []), Property("own", value="(${x})")]
        maker = _shell("maker", "true", [Property(name, "OUT") for name in made])
        yield (
            Definition(
                "project",
                "workflow",
                (maker, _shell("reader", TEXT, local)),
                (Relation("maker", "reader"),),
                global_params=(
                    Property("chain", value="[${x}]"),
                    *([Property("x", value=shared)] if shared is not None else []),
                ),
            ),
            {} if given is None else {"x": given},
            made,
        )


def _shell(name: str, script: str, params: list[Property]) -> TaskDefinition:
    return TaskDefinition(name, "SHELL", {"rawScript": script, "localParams": [p.to_dict() for p in params]})


def questions() -> list[dict[str, Any]]:
    """All questions, in a fixed order: parameters as dsflow sends them, conditions, and what the API refuses."""
    asked: list[dict[str, Any]] = []
    for definition, given, made in parameters():
        asked.append({
            "text": TEXT,
            "globals": codec.params_to_server(definition, v3_4.SERIES),
            "own": [p.to_dict() for p in definition.task("reader").local_params],
            "start": [Property(name, value=value).to_dict() for name, value in given.items()],
            "outputs": [Property(name, "OUT", value=value).to_dict() for name, value in made.items()],
        })  # fmt: skip
    asked += cases(CONDITIONS)
    asked += [{"globals": question["globals"]} for question in asked if "text" in question]
    return asked


def ask(classes: str) -> list[Any]:
    """The answers of the classes: a text, ``[condition with its values, takes or passes]``, or why it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [str(path) for path in (HERE / "Asker.java", *sorted((HERE / "stand_in").glob("*.java")))]
        subprocess.run(["javac", "-nowarn", "-cp", classes, "-d", folder, *sources], check=True, capture_output=True)
        done = subprocess.run(
            ["java", "-Duser.timezone=UTC", "-cp", f"{folder}:{classes}", "Asker"],
            input="".join(json.dumps(question) + "\n" for question in questions()),
            capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def load() -> list[Any]:
    """The recorded answers, in the order of the questions."""
    return [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    with RECORDED.open("w", encoding="utf-8") as out:
        for answer in ask(sys.argv[1]):
            out.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n")
