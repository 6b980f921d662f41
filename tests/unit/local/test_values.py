"""Times and outputs."""

from __future__ import annotations

from datetime import datetime

import pytest

from dsflow.definition import Property, TaskDefinition
from dsflow.local.values import fill, read_outputs, system_values, typed

NOW = datetime(2024, 3, 31, 14, 5, 9)
TASK = TaskDefinition(
    "t",
    "SHELL",
    {
        "localParams": [
            {"prop": "a", "direct": "OUT", "type": "LONG"},
            {"prop": "b", "direct": "OUT", "type": "VARCHAR"},
        ]
    },
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$[yyyyMMdd]", "20240331"),
        ("$[yyyy-MM-dd HH:mm:ss]", "2024-03-31 14:05:09"),
        ("$[yyyyMMdd-1]", "20240330"),
        ("$[yyyyMMdd+7]", "20240407"),
        ("$[HHmm-1/24]", "1305"),
        ("$[HHmm-5/24/60]", "1400"),
        ("$[add_months(yyyyMMdd,-1)]", "20240229"),
        ("$[add_months(yyyyMM,12)]", "202503"),
        ("$[add_months(yyyyMMdd,9)]", "20241231"),
        ("$[1+1]", "$[1+1]"),
        ("${system.biz.date} ${name} ${other}", "20240330 x ${other}"),
    ],
)
def test_fill(text: str, filled: str) -> None:
    values = {**system_values(NOW, "w"), "name": Property("name", value="x")}
    assert fill(text, values, NOW) == filled


def test_the_last_value_of_an_output_counts() -> None:
    log = "x\n${setValue(a=1)}\nnoise ${setValue(a=2)} ${setValue(other=3)}\n#{setValue(b=f(x)=y)}\n"
    assert read_outputs(TASK, "\n".join(log.splitlines())) == {"a": "2", "b": "f(x)=y"}
    assert typed(TASK, {"a": "2", "b": "y"}) == {"a": 2, "b": "y"}
