"""What validate says of conditions, and what to write instead."""

from __future__ import annotations

import pytest

from dsflow import Shell, Switch, Workflow
from dsflow.declare.params import Condition
from dsflow.validation import check


def findings(condition: str, outputs: dict[str, type], params: dict[str, object]) -> list[tuple[str, str, str]]:
    with Workflow("w", project="p", strict=False, params=params) as wf:  # type: ignore[arg-type]
        script = "\n".join(f"echo '${{setValue({name}=1)}}'" for name in outputs)
        start, x, y = Shell("start", script, outputs=outputs), Shell("x", "true"), Shell("y", "true")
        start >> Switch("s", {Condition(condition): x}, otherwise=y)
    return [(f.code, f.message, f.hint) for f in check(wf).findings if f.code.startswith("DSF41")]


@pytest.mark.parametrize(
    ("condition", "code", "says", "hint"),
    [
        ("${nope} > 1", "DSF411", "${nope} is neither a parameter of the workflow nor an output", "3.1 fails"),
        ("${kind} = 'A'", "DSF411", "SyntaxError", "write == to compare"),
        ("'${kind}' == 'A'", "DSF411", 'with kind = \'A\', 3.1: ""A"" == "A" fails', "without quotes"),
        ("'x-${kind}' == 'x-A'", "DSF411", "SyntaxError", "without quotes"),
        ("${kind}.includes('A')", "DSF411", "not a function", "indexOf is there"),
        ("${both} == 'out'", "DSF412", "3.1 does not take it; 3.2 takes the branch", "3.1 takes the parameter"),
        ("${g} + 1 == 6", "DSF412", "3.1 takes the branch; 3.2 does not take it", "write Number(${g})"),
        ("${kind} === '10'", "DSF412", "with kind = '10'", "write String(${kind})"),
        ("-${n} > 0", "DSF413", "with n = '-1'", "- (${name})"),
        ("x = ${n}", "DSF414", "an assignment", "plain JavaScript"),
    ],
)
def test_found(condition: str, code: str, says: str, hint: str) -> None:
    found = findings(condition, {"kind": str, "n": int, "both": str}, {"both": "in", "g": 5})
    assert [f[0] for f in found] == [code]
    assert says in found[0][1]
    assert hint in found[0][2]


@pytest.mark.parametrize(
    "condition",
    ["${kind} == 'A'", "${n} > 1 && ${n} < 5",
     "${n} - ${m} > 0", "(${n})-(${m}) > 0", "Number(${g}) === 5", "${g} == 5",
     "String(${on}) == 'true'", "${kind}.indexOf('A') >= 0", "${f} >= 0.5 || ${kind} != 'x'", "/^A/.test(${kind})"],
)  # fmt: skip
def test_not_found(condition: str) -> None:
    assert findings(condition, {"kind": str, "n": int, "m": int, "on": bool, "f": float}, {"g": 5}) == []
