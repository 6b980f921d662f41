"""Times, values and outputs; what each placeholder gives is held against the recorded ones in tests/conformance."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from dsflow.definition import Definition, Property, TaskDefinition
from dsflow.errors import RunError
from dsflow.local.values import Pool, Shared, TaskValues, check_outputs, read_outputs, series_of, typed
from dsflow.placeholders import SERIES, PlaceholderError

NOW = datetime(2024, 3, 31, 14, 5, 9, 250_000)
TASK = TaskDefinition(
    "t",
    "SHELL",
    {
        "localParams": [
            {"prop": "a", "direct": "OUT", "type": "LONG"},
            {"prop": "b", "direct": "OUT", "type": "VARCHAR"},
            {"prop": "own", "direct": "IN", "type": "VARCHAR", "value": "${name}!"},
            {"prop": "day", "direct": "IN", "type": "VARCHAR", "value": "${system.biz.date}"},
        ]
    },
)
WORKFLOW = Definition(
    "p",
    "w",
    (TASK,),
    (),
    global_params=(Property("name", value="x"), Property("path", value="/${name}/$[yyyyMM]")),
)


def seen(version: tuple[int, ...] | None, **given: str) -> TaskValues:
    series = series_of(version)
    return TaskValues(Shared(WORKFLOW, given, NOW), TASK, {s: {"out": "/m/${name}"} for s in series})


@pytest.mark.parametrize("version", [(3, 1), (3, 2, 2), None])
@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$[yyyyMMdd]", "20240331"),
        ("$[yyyy-MM-dd HH:mm:ss]", "2024-03-31 14:05:09"),
        ("$[yyyyMMdd-7*2]", "20240317"),
        ("$[HHmm-1/24]", "1305"),
        ("$[add_months(yyyyMMdd,-1)]", "20240229"),
        ("$[add_months(yyyyMMdd, -12*1)]", "20230331"),
        ("$[month_begin(yyyy-MM-dd,-1)]", "2024-02-29"),
        ("$[week_end(yyyy-MM-dd,1)]", "2024-04-01"),
        ("$[yyMMdd000000-1]", "240330000000"),
        ("$[EEE]", "Sun"),
        ("$[1+1]", "1"),
        ("$[5] $((1+1)) ${x[0]}", "$[5] $((1+1)) ${x[0]}"),
        ("${name} ${other} ${out}", "x ${other} /m/x"),
        ("${path} ${own} ${day}", "/x/202403 x! 20240330"),
    ],
)
def test_texts(version: tuple[int, ...] | None, text: str, filled: str) -> None:
    assert seen(version).fill(text) == filled


def test_what_came_with_3_2() -> None:
    assert seen((3, 2)).fill("$[month_first_day(yyyy-MM-dd,-1)] $[this_day(yyyy-MM-dd)]") == "2024-02-01 2024-03-31"
    with pytest.raises(
        PlaceholderError, match=r"3.1 does not know the time \$\[this_day\(yyyy-MM-dd\)\]: .* came with 3.2"
    ):
        seen((3, 1)).fill("$[this_day(yyyy-MM-dd)]")
    with pytest.raises(
        PlaceholderError, match=r"differ on '\$\[this_day\(yyyy\)\]': 3.1 fails .*; 3.2 makes '2024' of it"
    ):
        seen(None).fill("echo $[yyyy] $[this_day(yyyy)]")


@pytest.mark.parametrize(
    "text", ["$[i]", "$[add_months(yyyyMMdd,-1)-1]", "$[add_months(yyyyMMdd)]", "$[total]", "$[yyyyMMddd]"]
)
def test_what_no_version_knows(text: str) -> None:
    for version in [(3, 1), (3, 2), None]:
        with pytest.raises(PlaceholderError, match="does not know the time"):
            seen(version).fill(f"echo {text}")


def test_built_in_parameters() -> None:
    assert (
        seen((3, 2)).fill("${system.biz.date} ${system.workflow.definition.name} ${system.task.definition.name}")
        == "20240330 w t"
    )
    assert seen((3, 1)).fill("${system.biz.date}") == "${system.biz.date}"
    with pytest.raises(PlaceholderError, match=r"'\$\{system.biz.date\}': 3.1 leaves it; 3.2 makes '20240330' of it"):
        seen(None).fill("date ${system.biz.date}")
    with pytest.raises(PlaceholderError, match=r"\$\{system.task.instance.id\} has a value on a server only"):
        seen((3, 2)).fill("${system.task.instance.id}")


def test_a_value_that_refers_to_itself() -> None:
    workflow = replace(WORKFLOW, global_params=(Property("me", value="${me}"),))
    for series in SERIES:
        with pytest.raises(PlaceholderError, match=r"the value of \$\{me\} refers to itself"):
            TaskValues(Shared(workflow, {}, NOW), TASK, {series: {}}).fill("text")


def test_what_is_given_at_the_start_is_above_a_task_s_own_in_3_2() -> None:
    assert seen((3, 2), own="given").fill("${own}") == "given"
    assert seen((3, 1), own="given").fill("${own}") == "x!"
    with pytest.raises(PlaceholderError, match=r"3.1 makes 'x!' of it; 3.2 makes 'given' of it"):
        seen(None, own="given").fill("${own}")


def test_the_last_value_of_an_output_counts() -> None:
    log = "x\n${setValue(a=1)}\n${setValue(a=2)}\n${setValue(other=3)}\n#{setValue(b=y)}\n"
    assert read_outputs(TASK, log, SERIES) == {s: {"a": "2", "b": "y"} for s in SERIES}
    assert typed(TASK, {"a": "2", "b": "y"}) == {"a": 2, "b": "y"}


@pytest.mark.parametrize(
    ("written", "older", "newer"),
    [
        ("${setValue(b=/m/dt=2024/x)}", "'/m/dt'", "'/m/dt=2024/x'"),
        ("${setValue(b=f(x))}", "none", r"'f\(x\)'"),
        ("INFO:root:${setValue(b=1)}", "none", "'1'"),
        ("${setValue(a=1)} ${setValue(b=2)}", "none", "'2'"),
        ("${setValue(b=1\n2)}", "none", r"'1\\n2'"),
    ],
)
def test_outputs_that_the_versions_read_differently(written: str, older: str, newer: str) -> None:
    with pytest.raises(RunError, match=f"output 'b' differently: 3.1 takes {older}; 3.2 takes {newer}"):
        read_outputs(TASK, written, SERIES)
    for series in SERIES:
        read_outputs(TASK, written, [series])


def test_an_output_without_a_value_fails_the_task_in_3_1() -> None:
    assert read_outputs(TASK, "${setValue(b=)}", [(3, 2)]) == {(3, 2): {"b": ""}}
    for series in ([(3, 1)], SERIES):
        with pytest.raises(RunError, match=r"3.1 fails the task on the output 'b' without a value"):
            read_outputs(TASK, "${setValue(b=)}", series)
    with pytest.raises(RunError, match="without giving its output 'a'"):
        check_outputs(TASK, {"b": "1"})


def test_of_two_outputs_of_one_name() -> None:
    early, late, none = ({"x": Property("x", "OUT", value=value)} for value in ("early", "late", ""))
    pools = [Pool(late, 2.0), Pool(early, 1.0), Pool(none, 0.5)]
    assert [Pool.joined(pools, series)["x"].value for series in SERIES] == ["early", "late", "late", "late"]
