"""What a condition comes to on each series. The answers were given by real 3.1.5 and 3.2.2 servers."""

from __future__ import annotations

import pytest

from dsflow.conditions.javascript import UnknownExpression, evaluate
from dsflow.conditions.switch import Known, SwitchFailed, decide
from dsflow.definition import Property

KNOWN = Known(
    workflow={
        n: Property(n, "IN", t, v)
        for n, t, v in [
            ("g", "LONG", "5"),
            ("gt", "VARCHAR", "A"),
            ("gb", "BOOLEAN", "true"),
            ("both", "VARCHAR", "glob"),
        ]
    },
    outputs={
        n: Property(n, "OUT", t, v)
        for n, t, v in [
            ("kind", "VARCHAR", "A"),
            ("bad", "VARCHAR", 'a"b'),
            ("auc", "DOUBLE", "0.5000001"),
            ("inf", "VARCHAR", "Infinity"),
            ("n", "LONG", "5"),
            ("m", "LONG", "-1"),
            ("oct", "LONG", "010"),
            ("toct", "VARCHAR", "010"),
            ("hex", "VARCHAR", "0x10"),
            ("on", "BOOLEAN", "true"),
            ("both", "VARCHAR", "out"),
            ("lost", "DOUBLE", "inf"),
        ]
    },
    own={"own": Property("own", "IN", "LONG", "7")},
    system={"system.biz.date": Property("system.biz.date", "IN", "VARCHAR", "20240101")},
)

# what 3.1 and 3.2 do: True takes the branch, False passes it, None fails the task
CASES = [
    ('${kind}=="A"', True, True),
    ("'${kind}' == 'A'", None, False),
    ('${bad} == "x"', None, False),
    ("${auc} > 0.5", True, True),
    ("${inf} > 0.5", True, True),
    ("${n} -${m} > 0", None, False),
    ("${n}-${m} > 0", None, False),
    ("${n} - ${m} > 0", True, True),
    ("${oct} > 9", False, True),
    ('${toct} == "010"', False, True),
    ('"0x10" == 16', True, True),
    ('${hex} == "0x10"', True, True),
    ('${hex} === "0x10"', False, True),
    ("${on} == true", False, True),
    ('"${on}" == "true"', None, True),
    ("${g} == 5", True, True),
    ("${g} === 5", True, False),
    ("${g} + 1 == 6", True, False),
    ('${gt} == "A"', True, True),
    ("${gb} == true", False, False),
    ("${none} > 1", None, False),
    ("${n} = 5", None, False),
    ("${n}", None, False),
    ("", True, True),
    ('"${n}" == "5"', True, True),
    ('${both} == "out"', False, True),
    ("${own} == 7", None, True),
    ("${system.biz.date} == '20240101'", None, True),
    ("${lost} > 0.5", False, None),
    ('"5"5.0 > 0', None, True),
    ('""A""=="A"', None, False),
    ('"A" "A" == "A"', None, True),
    ("${n} > 1 # x", None, False),
    ('${kind}.startsWith("A")', True, True),
    ("[1].includes(1)", None, False),
    ("[1].indexOf(1) == 0", True, True),
]


@pytest.mark.parametrize(("condition", "old", "new"), CASES)
def test_decide(condition: str, old: bool | None, new: bool | None) -> None:
    for version, expected in (((3, 1), old), ((3, 2), new)):
        try:
            got: bool | None = decide(condition, KNOWN, version).holds
        except SwitchFailed:
            got = None
        assert got is expected, version


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("java.lang.System.exit(1)", "reaches into the server"),
        ("x = 5", "an assignment"),
        ("while (true) {}", "one expression"),
        ("(function () { return true })()", "a function"),
        ('"0o7" == 7', "the text"),
        ("5 <!--5", "<!-- or -->"),
        ("08 == 8", "a number like 08"),
        ("/(?<y>a)/.test('a')", "regular expression"),
        ("new Date('2024-01-01') > 0", "a time read from a text"),
        ("'a'.compareTo('b') < 0", "Java's compareTo"),
        ("'a'.startsWith(5)", "Java's startsWith"),
    ],
)
def test_what_is_refused_by_name(text: str, what: str) -> None:
    with pytest.raises(UnknownExpression, match="is not evaluated here, only on a server") as caught:
        evaluate(text)
    assert what in caught.value.message


def test_a_condition_without_end() -> None:
    assert "interrupted" in evaluate("/^(a+)+$/.test('" + "a" * 40 + "b')").error


def test_a_value_that_is_not_of_its_type_fails_the_switch_on_3_2_and_no_longer_on_3_3() -> None:
    known = Known(outputs={"rows": Property("rows", "OUT", "LONG", "many")})
    with pytest.raises(SwitchFailed):
        decide("${rows} > 1", known, (3, 2))
    for version in ((3, 3), (3, 4, 3)):
        verdict = decide("${rows} > 1", known, version)
        assert not verdict.holds
        assert "many" in verdict.why


def test_a_parameter_of_the_workflow_has_a_type_from_3_3_on() -> None:
    known = Known(workflow={"limit": Property("limit", type="LONG", value="10")})
    got = {version: decide("${limit} + 1 == 11", known, version).holds for version in ((3, 2), (3, 3), (3, 4))}
    assert got == {(3, 2): False, (3, 3): True, (3, 4): True}
