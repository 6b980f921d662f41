import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow import Param, Shell, Switch, Workflow
from dsflow.conditions.switch import Known, decide
from dsflow.declare.params import (
    Reference,
    check_name,
    parse_value,
    placeholders,
    property_type,
    substitute,
    to_text,
)
from dsflow.definition import Property
from dsflow.errors import DeclarationError, ParameterError

NUMBER, COUNT, TEXT, FLAG = Reference("auc", float), Reference("n", int), Reference("mode", str), Reference("on", bool)
OUTPUT = Reference("score", float, "train")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (f"{NUMBER}", "${auc}"),
        (str(TEXT), "${mode}"),
        (TEXT / "update", "${mode}/update"),
        (TEXT / "/update", "${mode}/update"),
        (TEXT / COUNT, "${mode}/${n}"),
        (TEXT + "_v1", "${mode}_v1"),
        ("v1_" + TEXT, "v1_${mode}"),
        (repr(NUMBER), "<parameter auc: float>"),
        (repr(Reference("auc", float, "train")), "<output auc: float>"),
    ],
)
def test_a_reference_in_a_text(made, text):
    assert made == text


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        (NUMBER >= 0.7, "${auc} >= 0.7"),
        (NUMBER > COUNT, "Number(${auc}) > Number(${n})"),
        (OUTPUT > COUNT, "${score} > ${n}"),
        (COUNT < 3, "${n} < 3"),
        (COUNT <= 0.5, "${n} <= 0.5"),
        (3 < COUNT, "${n} > 3"),  # noqa: SIM300
        (NUMBER == 1, "${auc} == 1"),
        (NUMBER != 1e-7, "${auc} != 1e-07"),
        (TEXT == "full", '${mode} == "full"'),
        (TEXT != 'a"b\\c', '${mode} != "a\\"b\\\\c"'),
        (TEXT == "特征", '${mode} == "特征"'),
        (FLAG == True, 'String(${on}) == "true"'),  # noqa: E712
        (FLAG != False, 'String(${on}) != "false"'),  # noqa: E712
        ((NUMBER > 0) & (COUNT > 1), "(${auc} > 0) && (${n} > 1)"),
        ((NUMBER > 0) | (COUNT > 1), "(${auc} > 0) || (${n} > 1)"),
        (~(NUMBER > 0), "!(${auc} > 0)"),
        (~(NUMBER > 0) & (COUNT > 1) | (COUNT < 0), "((!(${auc} > 0)) && (${n} > 1)) || (${n} < 0)"),
    ],
)
def test_conditions(condition, expression):
    assert condition.expression == expression


@pytest.mark.parametrize("version", [(3, 1), (3, 2)])
@pytest.mark.parametrize("of", ["workflow", "outputs"])
@pytest.mark.parametrize("value", [True, False])
def test_a_bool_decides_the_same_on_every_version(value, of, version):
    known = Known(**{of: {"on": Property("on", "IN", "BOOLEAN", to_text(value))}})
    for condition, expected in ((FLAG == True, value), (FLAG == False, not value), (FLAG != True, not value)):  # noqa: E712
        assert decide(condition.expression, known, version).holds is expected


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(NUMBERS, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_a_condition_means_what_python_means(left, right, operator):
    condition = eval(f"reference {operator} right", {"reference": NUMBER, "right": right})
    expected = eval(f"left {operator} right", {"left": left, "right": right})
    known = Known(outputs={"auc": Property("auc", "OUT", "DOUBLE", to_text(left))})
    for version in ((3, 1), (3, 2)):
        assert decide(condition.expression, known, version).holds is expected


def refused_at(make):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert caught.value.where.file == __file__
    assert caught.value.where.line == make.__code__.co_firstlineno
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: 1 if NUMBER else 2, "has no value while the workflow is declared"),
        (lambda: bool(NUMBER > 1), "has no value while the workflow is declared"),
        (lambda: 0 < NUMBER < 1, "(a < x) & (x < b)"),
        (lambda: (NUMBER > 1) and (NUMBER < 2), "join conditions with & | ~"),
        (lambda: NUMBER in [1, 2], "has no value"),
        (lambda: NUMBER > "1", "float against str"),
        (lambda: TEXT == 1, "str against int"),
        (lambda: COUNT == True, "int against bool"),  # noqa: E712
        (lambda: FLAG == 1, "bool against int"),
        (lambda: FLAG > True, "can only be compared with == and !="),
        (lambda: NUMBER == None, "cannot compare"),  # noqa: E711
        (lambda: NUMBER > [1], "cannot compare"),
        (lambda: TEXT == "it's", "a quote or a placeholder"),
        (lambda: TEXT == "${other}", "a quote or a placeholder"),
        (lambda: (NUMBER > 1) & True, "cannot join a condition with True"),
        (lambda: (NUMBER > 1) | NUMBER, "cannot join a condition with"),
    ],
)
def test_what_a_condition_can_not_be(make, says):
    assert says in refused_at(make)


@pytest.mark.parametrize(
    ("given", "name"),
    [(str, "VARCHAR"), (int, "LONG"), (float, "DOUBLE"), (bool, "BOOLEAN"), ("INTEGER", "INTEGER"), ("DATE", "DATE")],
)
def test_property_types(given, name):
    assert property_type(given) == name


@pytest.mark.parametrize("given", [list, None, "float", list[int], 5, type(None)])
def test_no_property_type(given):
    with pytest.raises(DeclarationError):
        property_type(given)


@pytest.mark.parametrize(
    ("python_type", "text", "value"),
    [
        (int, "3", 3),
        (int, "-3", -3),
        (float, "0.5", 0.5),
        (float, "3", 3.0),
        (bool, "true", True),
        (bool, "False", False),
        (str, " x ", " x "),
        (str, "", ""),
    ],
)
def test_parse_value(python_type, text, value):
    assert parse_value("p", python_type, text) == value


@pytest.mark.parametrize(
    ("python_type", "text"),
    [(int, "x"), (int, "1.5"), (int, ""), (float, "x"), (bool, "1"), (bool, "yes"), (bool, "")],
)
def test_a_value_of_another_type(python_type, text):
    with pytest.raises(ParameterError, match="parameter 'p' is of type"):
        parse_value("p", python_type, text)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.text())
def test_a_value_survives_being_a_text(value):
    assert parse_value("p", type(value), to_text(value)) == value


@pytest.mark.parametrize("name", ["a", "A1", "_x", "min_auc"])
def test_names(name):
    assert check_name("parameter", name) == name


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "a.b", "a\n", "é", "${a}", None, 1])
def test_no_names(name):
    with pytest.raises(DeclarationError, match="is not a name"):
        check_name("parameter", name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("${a} and ${b}${a}", ["a", "b", "a"]),
        ("$a {b} ${c", []),
        ("${system.biz.date} $[yyyyMMdd]", ["system.biz.date"]),
        ("${${a}}", ["a"]),
    ],
)
def test_placeholders(text, names):
    assert placeholders(text) == names


def test_substitute_leaves_what_it_does_not_know():
    assert substitute("${a} ${b} $[c]", {"a": "1", "c": "2"}) == "1 ${b} $[c]"


def test_a_value_is_not_substituted_again():
    assert substitute("${a}", {"a": "${b}", "b": "no"}) == "${b}"


def workflow(**params):
    return Workflow("w", project="p", params=params)


def test_namespaces():
    wf = workflow(data="x", _what=1)
    assert str(wf.params.data) == str(wf.params["data"]) == "${data}"
    assert (list(wf.params), len(wf.params), dir(wf.params)) == (["data", "_what"], 2, ["_what", "data"])
    assert isinstance(wf.params._what, Reference)
    assert not hasattr(wf.params, "__wrapped__")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: workflow(min_auc=1).params.min_acu, "did you mean 'min_auc'?"),
        (lambda: workflow(min_auc=1).params["x"], "declared: min_auc"),
        (lambda: workflow().params.x, "declared: none"),
    ],
)
def test_a_misspelt_parameter(make, says):
    assert says in refused_at(make)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"a": None}, "not NoneType"),
        ({"a": [1]}, "not list"),
        ({"a b": 1}, "parameter 'a b' is not a name"),
        ({1: 1}, "parameter 1 is not a name"),
        (["a"], "params=['a'] is not a mapping"),
        ({"a": float("nan")}, "nan is not a number that can be sent"),
        ({"a": float("inf")}, "inf is not a number that can be sent"),
        ({"a": Param(Param(1))}, "not Param"),
        ({"a": Param(1, local="x")}, "the local value: parameter 'a' is of type int"),
        ({"a": Param(1, type="NUMBER")}, "not 'NUMBER'"),
    ],
)
def test_a_bad_parameter(params, says):
    with pytest.raises(DeclarationError) as caught:
        Workflow("w", project="p", params=params)
    assert says in str(caught.value)
    assert caught.value.where.file == __file__


def test_a_local_value_with_a_place_is_read_when_there_is_one():
    assert Workflow("w", project="p", params={"a": Param("x", local="{state}/y")}).parameters["a"].local == "{state}/y"


def test_a_switch_on_each_kind(compiled):
    params = {"f": 0.5, "n": 1, "s": "x", "b": True}
    definition = compiled(
        lambda wf: Switch(
            "s",
            {
                (wf.params.f > 1) & (wf.params.n == 2): Shell("a", "true"),
                (wf.params.s == "y") | (wf.params.b == True): Shell("b", "true"),  # noqa: E712
            },
            otherwise=Shell("c", "true"),
        ),
        params=params,
    )
    assert [b["condition"] for b in definition.task("s").task_params["switchResult"]["dependTaskList"]] == [
        "(${f} > 1) && (${n} == 2)",
        '(${s} == "y") || (String(${b}) == "true")',
    ]
