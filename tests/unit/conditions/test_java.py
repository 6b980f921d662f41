"""Java's numbers, as texts. The values stand in the documentation of Double.toString, or were printed by Java 17."""

from __future__ import annotations

import pytest

from dsflow.conditions.java import floating_text, is_creatable, typed_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"), (5.0, "5.0"), (1e7, "1.0E7"), (9999999.0, "9999999.0"), (1e-3, "0.001"), (1.5e-4, "1.5E-4"),
        (1e10, "1.0E10"), (-0.0, "-0.0"), (123456789012345680000.0, "1.2345678901234568E20"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"), (-1e-320, "-1.0E-320"), (100.0, "100.0"), (1234.5678, "1234.5678"), (0.1, "0.1"),
    ],
)  # fmt: skip
def test_double(value: float, text: str) -> None:
    assert floating_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (1e10, "1.0E10"), (3.4e39, "Infinity"), (0.83, "0.83")])
def test_float(value: float, text: str) -> None:
    assert floating_text(value, single=True) == text


@pytest.mark.parametrize(
    ("type_", "given", "text"),
    [
        ("LONG", "+5", "5"), ("LONG", "-010", "-10"), ("INTEGER", "007", "7"), ("DOUBLE", " 5 ", "5.0"),
        ("DOUBLE", "1f", "1.0"), ("DOUBLE", "0x1p3", "8.0"), ("DOUBLE", "1e400", "Infinity"), ("DOUBLE", "NaN", "NaN"),
        ("BOOLEAN", "TRUE", "true"), ("BOOLEAN", "yes", "false"), ("FLOAT", "0.5", "0.5"),
    ],
)  # fmt: skip
def test_typed(type_: str, given: str, text: str) -> None:
    assert typed_text(type_, given) == text


@pytest.mark.parametrize(
    ("type_", "given"),
    [("LONG", "1.5"), ("LONG", " 5"), ("INTEGER", "2147483648"), ("LONG", "1L"), ("DOUBLE", "inf"), ("DOUBLE", ""),
     ("DOUBLE", "1_0"), ("LONG", "9223372036854775808"), ("LONG", "")],
)  # fmt: skip
def test_no_number(type_: str, given: str) -> None:
    with pytest.raises(ValueError, match=r"is no (LONG|INTEGER|DOUBLE)"):
        typed_text(type_, given)


# NumberUtils.isCreatable of commons-lang3 3.12.0, run
CREATABLE = [
    "5", "+5", "-5", "010", "-010", "0x10", "0X10", "-0x10", "1L", "1l", "1f", "1.5f", "1D", "1e5", "1e+5", ".5",
    "5.", "-.5", "00", "0", "0xFFFFFFFFFFFFFFFFFF", "1e400", "1e5f", "08.5", "010.5", "007", "0L", "0f", "-1e-5D",
    ".5e1", "0x1D", "1.",
]  # fmt: skip
NOT = [
    "09", "#10", "0x", "1.5L", "1e", "e1", "--1", "inf", "Infinity", "NaN", "\x205", "5\x20", "", "1_0", "0.5e3L",
    "1.2.3", "1e5L", "0b1", "0xG", "-", "+", "1-", "018", "1ee5", "1e5.5", ".", ".e1", "0x1L", "\u0663",
]  # fmt: skip


def test_creatable() -> None:
    assert [t for t in CREATABLE if not is_creatable(t)] == []
    assert [t for t in NOT if is_creatable(t)] == []
