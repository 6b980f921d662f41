"""Conditions and values as users write them, and at the edges of both: a seed gives the same ones always."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

NUMBERS = [
    "0", "1", "5", "-1", "-5", "0.5", "-0.5", "0.83", "1.0", "1.50", "100", "9", "010", "-010", "007", "08", "0x10",
    "0X1f", "1e3", "1E-7", "1e400", "inf", "Infinity", "-Infinity", "nan", "NaN", "1L", "1f", "2.5d", ".5", "5.",
    "+5", " 5", "5 ", "1_000", "1,000", "12345678901", "123456789012345678901", "1e21", "0.1", "1e-320", "4294967296",
    "00", "-0", "0.0",
]  # fmt: skip
TEXTS = [
    "A", "B", "a", "", " ", "true", "false", "True", "null", "undefined", "A B", 'a"b', 'a"', "a\\", "a\\b", "a\\n",
    "a\\u0041", "it's", "2024-01-01", "20240101", "10", "9", "010", "0x10", "1e3", "1L", "1.0", "1", "-1", "NaN",
    "Infinity", "${t}", "${n}", "$1", "a,b", "北京", "é", "x' || 'y", "// x", "/*", "a/b", "<b>", "%", "0b11", "0o7",
    "\t", "a}b", "{", "1.2.3",
]  # fmt: skip
BOOLEANS = ["true", "false", "TRUE", "True", "yes", "1", "0", ""]
TYPES = {"VARCHAR": TEXTS, "BOOLEAN": BOOLEANS, **dict.fromkeys(["LONG", "DOUBLE", "FLOAT", "INTEGER"], NUMBERS)}

NAMES = {"n": "LONG", "m": "DOUBLE", "t": "VARCHAR", "u": "VARCHAR", "b": "BOOLEAN", "f": "FLOAT", "i": "INTEGER"}

LITERALS = [
    "0", "1", "5", "-1", "0.5", "010", "0x10", "1e3", ".5", "16", "8", "100", "true", "false", "null", "undefined",
    "NaN", "Infinity", '"A"', "'A'", '"10"', '"9"', '"010"', '"0x10"', '"1.0"', '"true"', '""', '" "', '"a\\\\b"',
    '"a\\"b"', "'é'", '"2024-01-01"', '"\\u0041"', '"5"', '"1e3"', '"Infinity"', "4294967295", "1e21", "0.1", "1e-7",
]  # fmt: skip
COMPARE = ["==", "!=", "===", "!==", "<", "<=", ">", ">="]
ARITHMETIC = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>"]
UNARY = ["!", "-", "+", "~", "!!", "- -", "typeof ", "void "]
FUNCTIONS = [
    "Number", "String", "Boolean", "parseInt", "parseFloat", "isNaN", "isFinite", "Math.abs", "Math.round",
    "Math.floor", "Math.ceil", "Math.sqrt", "encodeURIComponent", "escape",
]  # fmt: skip
PREDICATES = [
    "String({}).length > 1", "String({}).indexOf('A') >= 0", "String({}).charAt(0) == 'A'",
    "String({}).toUpperCase() == 'A'", "String({}).trim() == 'A'", "String({}).split('-').length == 3",
    "String({}).substring(0, 1) == '1'", "/^[A-Z]$/.test({})", "/\\d+/g.test({})", "String({}).match(/a|b/i) != null",
    "String({}).replace(/a/gi, 'x') == 'x'", "[1, 5, 'A'].indexOf({}) >= 0", "['A', 'B'].indexOf({}) != -1",
    "Number({}).toFixed(2) == '0.50'", "Number({}).toString(2) == '101'", "{}.length == 1", "({} ? true : false)",
    "String({}).startsWith('A')", "String({}).includes('A')", "['A'].includes({})", "Number({}).toFixed(1) > 0",
    'JSON.stringify({}) == \'"A"\'', "JSON.parse('[' + {} + ']').length == 1", "{} instanceof Object",
    "'length' in [{}]", "String({}).endsWith('b')", "Number.isInteger({})", "Math.max({}, 3) > 3",
    "Math.pow({}, 2) >= 25", "{} != null", "Math.trunc({}) == 0", "String({}).lastIndexOf('b') > 0",
    "String({}).slice(-1) == 'b'", "String({}).concat('x') == 'Ax'", "[{}].join('') == 'A'",
    "String({}).trimLeft().length == 1", "typeof {} == 'number'", "typeof {} === 'string'",
    "[3, 1, {}].sort()[0] == 1", "String({}).substr(1, 2) == 'b'", "String({}).contains('A')", "'A'.equals({})",
    "{}.equals('A')", "String({}).isEmpty()", "{}.equals(5)", "String({}).startsWith({})",
    "String({}).replaceAll('A', 'B') == 'B'", "[{}].concat([1]).length == 2", "String.fromCharCode(65) == {}",
    "Number({}) == 16", "+{} == 8",
]  # fmt: skip
CURIOUS = [
    "", " ", "true", "false", "1", "'x'", "null", "1 >", "(1 > 0", "1 > 0)", "${n}", "${t}", "${b}", "!${b}",
    "${none} > 1", "${n} = 5", "${t} = 'A'", "1 = 1", "x > 1", "5 = x", "${n} ${m}", "${n}${m} > 0", "${n}-${m} > 0",
    "${n} -${m} > 0", "${n} - ${m} > 0", "${n}+${m} > 0", "${n} +${m} > 0", "${n}--${m} > 0", "-${n} > 0",
    "- ${n} > 0", "--${n} > 0", "+${n} > 0", "(${n})-(${m}) > 0", "${n}.0 > 1", "1${n} > 5", "${n}e1 > 5",
    "'${n}' == '5'", '"${t}" == "A"', "'${t}' == 'A'", "'${t}-x' == 'A-x'", "'x-${t}' == 'x-A'", "'${t}'.length == 1",
    "''${t}'' == 'A'", '"\'${t}\'" == \'A\'', "'${b}' == 'true'", "${b} == true", "${b} === true", "${b} == 'true'",
    "${b} && ${n} > 1", "${b} || ${n} > 1", "!${b} || false", "${n} > 1 and ${m} > 1", "${n} > 1 or ${m} < 1",
    "not ${b}", "${n} <> 1", "${n} > 1;", "${n} > 1; ${m} > 1", "${n} > 1 // why", "/* a */ ${n} > 1",
    "${n} > 1 # why", "${n} =< 1", "${n} => 1", "1 < ${n} < 10", "${n} in [1, 5]", "${t} in ['A']",
    "${n} ? true : false", "${n} > 1 ? 'a' : 'b'", "${n} == 5 & ${m} > 0", "${n} | ${m}", "${n} ** 2 > 4",
    "${t}.includes('A')", "`${t}` == 'A'", "${n} ?? 1 > 0", "[1, 2].some(x => x > 1)", "let y = ${n}; y > 1",
    "${n} > 1_000", "${n} == 0b101", "${n} == 0o5", "${n} == 5n", "${t}?.length == 1", "[...${t}].length == 1",
    "${n} == 08", "${n} == 010", "${n} == 0x10", "${n} == 16", "'0x10' == 16", "'010' == 8", "'010' == 10",
    "'0b11' == 3", "'0o7' == 7", "' 5 ' == 5", "'' == 0", "null == 0", "null >= 0", "undefined == null", "NaN != NaN",
    "0 === -0", "1 / -0 < 0", "'b' > 'a'", "'10' < '9'", "10 < '9'", "'a' < 1", "[] == false", "[1] == 1",
    "[1, 2] == '1,2'", "new Boolean(false) ? true : false", "new Number(5) == 5", "new String('A') == 'A'",
    "'A' === new String('A')", "1, true", "(1, true)", "void 0 == null", "typeof x == 'undefined'",
    "typeof Symbol == 'undefined'", "typeof Promise == 'undefined'", "isNaN('inf')", "Number('inf') > 0.5",
    "parseInt('010') == 10", "parseInt('0x10') == 16", "parseFloat('1.5abc') == 1.5", "1e400 == Infinity",
    "0.1 + 0.2 == 0.3", "'1' + 1 == 11", "'3' * '4' == 12", "5 % -3 == 2", "-5 % 3 == -2", "5.5 % 2 == 1.5",
    "1 << 33 == 2", "-1 >>> 0 == 4294967295", "~5 == -6", "2 > 1 > 0", "!0", "!'0'", "!!'false'", "'true' == true",
    "String(true) == 'true'", "Boolean('false')", "1..toString() == '1'", "5.toString() == '5'", "'\\x41' == 'A'",
    "'\\101' == 'A'", "'\\u0041' == 'A'", "'\\u{41}' == 'A'", "'a\\\nb' == 'ab'", "'a\nb' == 'ab'", "1\n> 0",
    "5 --1 == 4", "5 - -1 == 6", "5 <!--5", "true\n-->1", "a.b.c", "this == this", "delete x", "undefined > 1",
    "'A'.foo == undefined", "'A'.foo.bar", "x.y", "null.x", '""A""=="A"', '"${t}"=="A"', '"${u}"!="A" ', "'A' 'A'",
    "1 2", "true false", "@", "$", "\\", "${", "${}", "${ n } > 1", "${N} > 1", "${n > 1", "$n > 1", "#{n} > 1",
    "!{n} > 1", "$[yyyyMMdd] > 1", "${n} > “1”", "${n} ＞ 1", "${n}\xa0> 1", "\ufeff${n} > 1",
]  # fmt: skip


def _operand(draw: random.Random, depth: int) -> str:
    name = draw.choice(list(NAMES))
    kind = draw.random()
    if kind < 0.5:
        return f"${{{name}}}"
    if kind < 0.58:
        return draw.choice(["'${%s}'", '"${%s}"', "'${%s}x'", "(${%s})"]) % name
    if kind < 0.85 or depth == 0:
        return draw.choice(LITERALS)
    if kind < 0.9:
        return f"{draw.choice(FUNCTIONS)}({_operand(draw, depth - 1)})"
    if kind < 0.93:
        return f"{draw.choice(UNARY)}{_operand(draw, depth - 1)}"
    return f"({_operand(draw, depth - 1)} {draw.choice(ARITHMETIC)} {_operand(draw, depth - 1)})"


def _condition(draw: random.Random, depth: int = 2) -> str:
    kind = draw.random()
    if kind < 0.2 and depth:
        return f"{_condition(draw, depth - 1)} {draw.choice(['&&', '||'])} {_condition(draw, depth - 1)}"
    if kind < 0.26 and depth:
        return f"!({_condition(draw, depth - 1)})"
    if kind < 0.45:
        return draw.choice(PREDICATES).replace("{}", _operand(draw, 1))
    blank = draw.choice([" ", " ", " ", ""])
    return f"{_operand(draw, 2)}{blank}{draw.choice(COMPARE)}{blank}{_operand(draw, 2)}"


def _values(draw: random.Random) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Each name as a workflow's parameter or as an output; now and then as both, or as none."""
    globals_, outputs = [], []
    for name, type_ in NAMES.items():
        where = draw.random()
        plain = draw.random() < 0.5
        values = ["5", "1", "0.83"] if plain and type_ in ("DOUBLE", "FLOAT") else ["5", "1", "16"]
        values = {"VARCHAR": ["A", "B"], "BOOLEAN": ["true", "false"]}.get(type_, values) if plain else TYPES[type_]
        if where < 0.5:
            globals_.append({"prop": name, "direct": "IN", "type": type_, "value": draw.choice(values)})
        if 0.45 < where < 0.98:
            outputs.append({"prop": name, "direct": "OUT", "type": type_, "value": draw.choice(values)})
    return globals_, outputs


def cases(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Conditions with the values that they meet."""
    draw = random.Random(seed)
    for number in range(count):
        condition = CURIOUS[number // 4] if number // 4 < len(CURIOUS) else _condition(draw)
        globals_, outputs = _values(draw)
        names = [p["prop"] for p in [*globals_, *outputs]]
        used = [name for name in names if name in condition or f"${{{name}}}" in str(outputs)]
        yield {
            "condition": condition,
            "globals": [p for p in globals_ if p["prop"] in used],
            "outputs": [p for p in outputs if p["prop"] in used],
        }
