from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsflow.validation.literals import locate, read_literals


def place(source: str, text: str, offset: int, line: int = 1) -> tuple[int, int] | None:
    found = locate(read_literals(source, ast.parse(source)), text, offset, [(line, line)])
    return (found.line, found.column) if found else None


def test_dedented_triple_quoted_text() -> None:
    source = 'x = f(\n    sql="""\n        SELECT a,\n            b\n        FROM t\n    """,\n)\n'
    text = textwrap.dedent(ast.parse(source).body[0].value.keywords[0].value.value).strip()  # type: ignore[attr-defined]
    assert place(source, text, text.index("b")) == (4, 13)
    assert place(source, text, 0) == (3, 9)
    assert place(source, text, len(text)) == (5, 15)


def test_f_string_holes_fit_any_text() -> None:
    source = "a = f\"LOAD DATA INFILE '{wf.params.data}' INTO TABLE {t.name}\"\n"
    text = "LOAD DATA INFILE '${data}' INTO TABLE clicks"
    assert place(source, text, text.index("INTO")) == (1, source.index("INTO") + 1)
    assert place(source, text, text.index("${data}")) == (1, source.index("{wf") + 1)
    assert place(source, text, text.index("clicks")) == (1, source.index("{t.name") + 1)


def test_joined_literals_and_escapes() -> None:
    source = "a = (\n    'SELECT \\'x\\' AS a, '  # first\n    \"b \\x46ROM t\"\n)\n"
    text = "SELECT 'x' AS a, b FROM t"
    assert place(source, text, text.index("x")) == (2, source.splitlines()[1].index("x") + 1)
    assert place(source, text, text.index("b")) == (3, 6)
    assert place(source, text, text.index("t", 18)) == (3, source.splitlines()[2].index(" t") + 2)


def test_one_statement_of_a_line_of_several() -> None:
    source = 'a = "USE db; SELECT x FROM t"\n'
    assert place(source, "SELECT x FROM t", 7) == (1, source.index("x FROM") + 1)


def test_wide_characters_count_one_column() -> None:
    source = 'a = "数据", "SELECT 数据 FROM t"\n'
    assert place(source, "SELECT 数据 FROM t", 10) == (1, source.index("FROM") + 1)


def test_a_text_of_no_literal_is_not_found() -> None:
    assert place('a = "SELECT a FROM t"\n', "CREATE TABLE t (a int)", 3) is None


@pytest.mark.parametrize("prefix", ["", "r", "f", "rf"])
@given(
    lines=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\r\f\v\x1c\x1d\x1e\x85\u2028\u2029\\\"'{}\0"), max_size=30
        ),
        min_size=1,
        max_size=5,
    ),
    data=st.data(),
)
def test_every_character_is_found_where_it_stands(prefix: str, lines: list[str], data: st.DataObject) -> None:
    lines = [f"{line}#{number}#" for number, line in enumerate(line.replace("\n", " ") for line in lines)]
    source = f'value = {prefix}"""\n' + "\n".join(f"    {line}" for line in lines) + '\n"""\n'
    text = "\n".join(lines)
    row = data.draw(st.integers(0, len(lines) - 1))
    lead = len(lines[row]) - len(lines[row].lstrip())
    column = data.draw(st.integers(lead, len(lines[row]) - 1))
    offset = sum(len(line) + 1 for line in lines[:row]) + column
    assert place(source, text, offset) == (row + 2, column + 5)
