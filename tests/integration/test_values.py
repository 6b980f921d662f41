"""What tasks see of parameters, outputs and times: on real servers and here."""

# ruff: noqa: E501

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from dsflow.definition import Definition, Property, Relation, TaskDefinition
from dsflow.dolphinscheduler.client import Server
from dsflow.local.values import Pool, Shared, TaskValues, read_outputs
from dsflow.placeholders import PlaceholderError
from dsflow.report import SUCCESS

GLOBALS = {
    "g": "G", "chain": "${g}/x", "behind": "p-${g}", "business": "${system.biz.date}", "business_behind": "x${system.biz.date}",
    "day": "$[yyyyMMdd]", "day_behind": "x$[yyyyMMdd]", "mixed": "$[yyyyMM]/${system.biz.date}", "empty": "", "both": "global",
    "hidden": "global", "unknown": "${nobody}", "of_output": "<${out}>", "literal": "$x $ {g} $((1+1))", "unused": "u",
    "given": "before",
}  # fmt: skip
LOCALS = {
    "hidden": "local", "l_global": "${g}", "l_behind": "x${g}", "l_output": "${out}", "l_output_behind": "x${out}",
    "l_chain": "${chain}", "l_local": "${l_global}", "l_time": "$[yyyyMMdd-1]", "l_system": "${system.biz.curdate}",
    "l_of": "${of_output}", "l_nested": "${behind}", "given": "own",
}  # fmt: skip
SYSTEM = ["system.biz.date", "system.biz.curdate", "system.workflow.definition.name", "system.project.name",
          "system.task.definition.name", "system.nothing"]  # fmt: skip
OUT = "o-${g}"
TEXTS = [
    *(f"${{{name}}}" for name in [*GLOBALS, *LOCALS, *SYSTEM, "out", "both", "nobody"]),
    "$[yyyyMMdd]", "$[5]", "$[1+1]", "$[add_months(yyyyMMdd,-1)]", "$[month_begin(yyyy-MM-dd,0)]", "${${g}}", "$[${form}]",
    "${g}${empty}${g}", "$$[yyyy]", "$[week_end(yyyyMMdd,-1)]", "$[yyyy-MM-dd'T']",
    "${g",  # the last one: it would take in what follows
]  # fmt: skip


def shell(name: str, script: str, given: dict[str, str] | None = None, outs: list[str] | None = None) -> TaskDefinition:
    local = [Property(n, "IN", "VARCHAR", v).to_dict() for n, v in (given or {}).items()]
    local += [Property(n, "OUT", "VARCHAR", "").to_dict() for n in outs or []]
    return TaskDefinition(name, "SHELL", {"rawScript": script, "localParams": local, "resourceList": []})


def printing(texts: list[str]) -> str:
    lines = [f"<{number}>{text}</{number}>" for number, text in enumerate(texts)]
    return "\n".join(["cat <<'END'", *lines, "END"])


def printed(log: str) -> list[str]:
    """What it wrote; the script itself stands before it in a log."""
    found = {int(m[1]): m[2] for m in re.finditer(r"<(\d+)>(.*)</\1>", log)}
    return [found[number] for number in sorted(found)]


def test_tasks_see_the_same_here_and_there(running: Any, server: Server, project: str) -> None:
    first = shell("first", f"echo '${{setValue(out={OUT})}}'\necho '${{setValue(both=output)}}'", outs=["out", "both"])
    look = shell("look", printing(TEXTS), LOCALS)
    definition = Definition(
        project,
        "values",
        (first, look),
        (Relation("first", "look"),),
        global_params=tuple(Property(n, value=v) for n, v in GLOBALS.items()),
    )
    server.submit(definition)
    before = datetime.now()
    run = server.start(definition, params={"given": "at the start"})
    assert server.follow(run, poll=0.2) == SUCCESS
    there = printed(server.report(run, definition).task("look").log)
    series = (3, 2) if running.is_new else (3, 1)

    shared = Shared(definition, {"given": "at the start"}, before)
    if not running.is_new:  # 3.1 writes what is given over the workflow's own value
        values = {**GLOBALS, "given": "at the start"}
        shared = Shared(
            Definition(project, "values", (first, look), (), global_params=tuple(Property(n, value=v) for n, v in values.items())),
            {}, before,
        )  # fmt: skip
    outputs = read_outputs(
        first,
        TaskValues(shared, first, {series: {}}).fill(f"${{setValue(out={OUT})}}\n${{setValue(both=output)}}"),
        [series],
    )
    sees = TaskValues(shared, look, outputs)
    here = []
    for text in TEXTS:
        try:
            here.append(sees.fill(text))
        except PlaceholderError as error:
            here.append(f"refused: {error.message}")
    wrong = [(text, t, h) for text, t, h in zip(TEXTS, there, here, strict=True) if t != h]
    assert wrong == []


def test_which_outputs_come_to_a_task(running: Any, server: Server, project: str) -> None:
    """Those of the tasks directly before it: of two alike the first one's on 3.1, the last one's on 3.2."""

    def sets(name: str, value: str, nap: float = 0) -> TaskDefinition:
        return shell(
            name, f"sleep {nap}\necho '${{setValue(x={value})}}'\necho '${{setValue({name}=1)}}'", outs=["x", name]
        )

    see = printing(["${x}", "${early}", "${late}", "${over}"])
    definition = Definition(
        project, "pools",
        (sets("early", "e"), sets("late", "l", 4), shell("join", see), sets("over", "o"), shell("after", see),
         TaskDefinition("off", "SHELL", shell("off", "true").task_params, flag="NO"), shell("behind", see),
         shell("broken", "echo '${setValue(x=b)}'; exit 1", outs=["x"]),),
        (Relation("early", "join"), Relation("late", "join"), Relation("join", "over"), Relation("over", "after"),
         Relation("early", "off"), Relation("off", "behind")),
    )  # fmt: skip
    server.submit(definition)
    run = server.start(definition)
    server.follow(run, poll=0.2)
    report = server.report(run, definition)
    seen = {name: printed(report.task(name).log) for name in ("join", "after", "behind")}
    x = "l" if running.is_new else "e"
    assert seen == {
        "join": [x, "1", "1", "${over}"], "after": ["o", "1", "1", "1"], "behind": ["${x}", "${early}", "${late}", "${over}"],
    }  # fmt: skip
    series = (3, 2) if running.is_new else (3, 1)
    early, late = ({"x": Property("x", "OUT", value=v)} for v in "el")
    assert Pool.joined([Pool(late, 4.0), Pool(early, 1.0)], series)["x"].value == x


WHOLE = ["/m/dt=2024-01-01/model.json", "f(x)", "", "a\nb", "==", " x ", "中=文", "{}", "a}b", "$x"]


def setting(kind: str, names: list[str]) -> str:
    """A script that gives the outputs the values of WHOLE."""
    pairs = list(zip(names, WHOLE, strict=True))
    if kind == "SHELL":
        return "echo -n begins\n" + "\n".join(f"echo '${{setValue({name}={value})}}'" for name, value in pairs)
    return "print('begins', end=' ')\n" + "\n".join(
        f"print('$' + '{{setValue({name}=' + {value!r} + ')}}', end='')" for name, value in pairs
    )


@pytest.mark.parametrize("kind", ["PYTHON", "SHELL"])
def test_texts_arrive_whole(running: Any, server: Server, project: str, kind: str) -> None:
    """On 3.1 they are coded on the way: its own reading would cut or lose most of them."""
    names = [f"v{number}" for number in range(len(WHOLE))]
    outs = [Property(n, "OUT", "VARCHAR", "").to_dict() for n in names]
    train = TaskDefinition("train", kind, {"rawScript": setting(kind, names), "localParams": outs, "resourceList": []})
    use = TaskDefinition(
        "use", "PYTHON",
        {"rawScript": "\n".join(f"print('<{i}>' + repr(r'''${{{n}}}''') + '</{i}>')" for i, n in enumerate(names)),
         "localParams": [], "resourceList": []},
    )  # fmt: skip
    between = shell("between", "true")
    definition = Definition(
        project, "whole", (train, between, use), (Relation("train", "between"), Relation("between", "use"))
    )
    server.submit(definition)
    assert server.plan(definition).is_empty
    run = server.start(definition)
    assert server.follow(run, poll=0.2) == SUCCESS
    report = server.report(run, definition)
    assert printed(report.task("use").log) == [repr(value) for value in WHOLE]
    assert report.task("train").outputs == {n: v for n, v in zip(names, WHOLE, strict=True) if v or not running.is_new}
