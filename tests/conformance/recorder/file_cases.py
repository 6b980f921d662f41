"""Files, as questions to OpenMLDB's own code that reads and writes them: small ones, hostile ones, and single values.

Nothing here depends on a clock or a machine; each call gives the same questions in the same order.
"""

# ruff: noqa: E501 (tables of texts)
from __future__ import annotations

import bz2
import gzip
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Case = dict[str, Any]
Columns = list[list[Any]]

# ---- single values of a CSV file

INTEGERS = [
    "0", "1", "-1", "+5", "007", "-0", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648",
    "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "00000000000000000000000012",
    "1.0", "1.5", "1e3", "1E3", "1,000", "1_000", "0x10", "010", "1L", " 1", "1 ", "--1", "+-1", "+", "-", "true", "abc",
    "NaN", "nan", "Infinity", "NA", "N/A", "NULL", "Null", "none", "\\N", "\u0663", "\uff11", "1\u00a0", "$1", "1%",
]  # fmt: skip
FLOATS = [
    "0.0", "-0.0", "1.5", "-1.5", "+1.5", ".5", "5.", "1e10", "1E10", "1e+10", "1e-10", "1e400", "-1e400", "1e-400",
    "3.4028235e38", "3.4028236e38", "3.5e38", "1e39", "1e-45", "1e-46", "1.4e-45", "4.9e-324", "2e-324", "0.1", "0.3",
    "1.7976931348623157e308", "1.5f", "1.5F", "1.5d", "1.5D", "1.5L", "0x1p3", "0x1.8p1", "0x10", "Inf", "-Inf", "+Inf",
    "inf", "INF", "Infinity", "-Infinity", "+Infinity", "infinity", "+NaN", "-NaN", " 1.5", "1.5 ", "\t1.5", "1.5\u00a0",
    "1,5", "1.5.1", "1e", "e5", "1e5.5", "1_0.0", "16777217", "123456789012345678", "0.123456789012345678901234567890",
    "1e0010", "00.5", "-.5", "-.", ".", "1 5", "1.5e", "1.5e+", "\uff11.5", "1/2", "50%", "1.5ff", "d", "f", "1e310",
    "1.17549435E-38", "9007199254740993", "1e22", "1e23", "8.41e21", "2.2250738585072014e-308", "1d5", "NaN", "nan",
]  # fmt: skip
BOOLS = [
    "true", "false", "TRUE", "False", "tRuE", "t", "f", "yes", "no", "1", "0", "Y", "N", " true", "true ", "on", "off",
    "null", "NULL", "2", "-1", "wahr",
]  # fmt: skip
DATES = [
    "2021-07-20", "2021-7-2", "2021-07-2", "2021-7-20", "2021-02-29", "2020-02-29", "2021-02-30", "2021-13-01",
    "2021-00-10", "2021-01-00", "2021-01-32", "2021-07-20 10:11:12", "2021-07-20T10:11:12", "2021-07-20 ", " 2021-07-20",
    "2021-07-20 x", "2021-07-20Tx", "2021-07-20x", "2021-07-20Z", "2021-07-20+08:00", "2021-07", "2021", "2021-7",
    "20210720", "2021/07/20", "20-07-2021", "07/20/2021", "21-07-20", "1-1-1", "0001-01-01", "0000-01-01", "-0001-01-01",
    "+2021-07-20", "10000-01-01", "12021-07-20", "999999-01-01", "1900-01-01", "1899-12-31", "1582-10-15", "1582-10-14",
    "1582-10-04", "1500-02-29", "1000-01-01", "1969-12-31", "1970-01-01", "9999-12-31", "1940-06-01", "1940-06-03",
    "2021-007-20", "2021-07-020", "02021-07-20", "2021-07-20-", "2021--07-20", "1626747072000", "0", "today", "now",
    "epoch", "yesterday", "July 20, 2021", "2021-Jul-20", "2021-07-20 24:00:00", "2021-07-20T", "2021-07- 20", "-",
    "2021-07-20GMT+01:00", "2021-07-20\t10:00", "\uff12021-07-20", "18829", "1.5", "true", "1986-05-04", "1900-12-31",
]  # fmt: skip
TIMES = [
    "2021-07-20 10:11:12", "2021-07-20T10:11:12", "2021-07-20 10:11", "2021-07-20 10", "2021-07-20T10", "2021-07-20",
    "2021-07", "2021-7-2", "2021-7-2 1:2:3", "2021-07-20 10:11:12.1", "2021-07-20 10:11:12.12", "2021-07-20 10:11:12.123",
    "2021-07-20 10:11:12.1234", "2021-07-20 10:11:12.123456", "2021-07-20 10:11:12.123999", "2021-07-20 10:11:12.1234567",
    "2021-07-20 10:11:12.123456789", "2021-07-20 10:11:12.1234567891", "2021-07-20 10:11:12.", "2021-07-20 10:11:12,123",
    "2021-07-20T10:11:12Z", "2021-07-20T10:11:12z", "2021-07-20 10:11:12 Z", "2021-07-20T10:11:12+08:00",
    "2021-07-20T10:11:12+0800", "2021-07-20T10:11:12+08", "2021-07-20T10:11:12+8", "2021-07-20T10:11:12+8:00",
    "2021-07-20T10:11:12-05:30", "2021-07-20T10:11:12+01:02:03", "2021-07-20T10:11:12+19:00", "2021-07-20T10:11:12.5+00:00",
    "2021-07-20 10:11:12 +08:00", "2021-07-20 10:11:12UTC", "2021-07-20 10:11:12 UTC", "2021-07-20 10:11:12 GMT+8",
    "2021-07-20 10:11:12 GMT+08:00", "2021-07-20 10:11:12 Asia/Shanghai", "2021-07-20 10:11:12 America/New_York",
    "2021-07-20 10:11:12 CST", "2021-07-20 10:11:12 PST", "2021-07-20 10:11:12 EST", "2021-07-20 10:11:12 Nowhere/City",
    "2021-07-20 24:00:00", "2021-07-20 23:59:60", "2021-07-20 25:00:00", "2021-07-20 10:60:00", "2021-07-20 10:11:61",
    "2021-02-30 10:11:12", "2021-02-29", "2020-02-29 12:00:00", "2021-13-01 00:00:00", "10:11:12", "10:11", "T10:11:12",
    "2021/07/20 10:11:12", "20/07/2021 10:11:12", "20210720 101112", "20210720T101112", "2021-07-20  10:11:12",
    " 2021-07-20 10:11:12", "2021-07-20 10:11:12 ", "2021-07-20 10:11:12\t", "2021-07-20\t10:11:12", "2021-07-20t10:11:12",
    "2021-07-20-10:11:12", "2021-07-20_10:11:12", "2021-07-20 10:11:12 AM", "2021-07-20 10:11:12x", "2021-07-20 x",
    "21-07-20 10:11:12", "0001-01-01 00:00:00", "0000-01-01 00:00:00", "-0001-01-01 00:00:00", "+2021-07-20 10:11:12",
    "10000-01-01 00:00:00", "12021-07-20 10:11:12", "294247-01-10 04:00:54.775807", "294248-01-01 00:00:00",
    "9999-12-31 23:59:59.999", "1582-10-15 00:00:00", "1582-10-14 23:59:59", "1582-10-04 00:00:00", "1500-02-29 00:00:00",
    "1500-03-01 00:00:00", "1000-01-01 00:00:00", "1677-09-21 00:12:43", "1677-09-20 00:00:00", "2262-04-12 00:00:00",
    "1969-12-31 23:59:59.999", "1970-01-01 08:00:00", "1970-01-01 00:00:00", "1970-01-01 07:59:59.9995",
    "1900-01-01 00:00:00", "1900-12-31 23:59:59", "1901-01-01 00:00:00", "1900-12-31 23:54:17", "1900-12-31 23:54:16",
    "1900-12-31 23:55:00", "1901-01-01 00:05:43", "1919-04-12 23:59:59", "1919-04-13 00:00:00", "1919-04-13 00:30:00",
    "1919-04-13 01:00:00", "1919-09-30 23:30:00", "1919-10-01 00:00:00", "1940-06-01 00:00:00", "1940-06-01 00:30:00",
    "1940-06-01 01:00:00", "1940-10-12 23:30:00", "1941-03-15 00:30:00", "1942-01-31 00:30:00", "1945-09-01 23:30:00",
    "1945-09-02 00:00:00", "1946-05-15 00:30:00", "1947-04-15 00:30:00", "1948-05-01 00:30:00", "1949-05-01 00:30:00",
    "1949-05-27 23:30:00", "1949-05-28 00:00:00", "1949-10-01 10:00:00", "1986-05-04 01:59:59", "1986-05-04 02:00:00",
    "1986-05-04 02:30:00", "1986-05-04 03:00:00", "1986-09-14 00:59:59", "1986-09-14 01:00:00", "1986-09-14 01:30:00",
    "1986-09-14 02:00:00", "1987-04-12 02:30:00", "1987-09-13 01:30:00", "1988-04-17 02:30:00", "1988-07-01 12:00:00",
    "1988-09-11 01:30:00", "1989-04-16 02:30:00", "1989-07-01", "1990-04-15 02:30:00", "1990-09-16 01:30:00",
    "1991-04-14 02:30:00", "1991-07-01 12:00:00.123", "1991-09-15 01:30:00", "1991-09-15 02:00:00", "1992-01-01 00:00:00",
    "1626747072000", "1626747072", "0", "-1", "+1626747072000", "1626747072000.5", "1.626747072E12", "1626747072000L",
    "1626747072123", "1626747072001", "1626747072999", "-1626747072123", "-1500", "-999", "999", "253402300799999",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "9223372036854775", "9223372036854776", "2021",
    "20210720", "20210720101112", " 1626747072000", "1626747072000 ", "today", "now", "epoch", "tomorrow", "null", "NULL",
    "July 20, 2021", "Tue Jul 20 10:11:12 CST 2021", "20/Jul/2021:10:11:12 +0800", "true", "-", "2021-07-20 10:11:12+",
    "2021-07-20 10:11:12.123+08:00", "2021-07-20 10:11:12.123456+0800", "2021-07-20T10:11Z", "2021-07-20T10:11+08:00",
    "2021-07-20+08:00", "2021-07-20Z", "2021-07Z", "2021-07-20T1:2:3.4Z", "2021-07-20 10:11:12.+08:00", "2021-07-20T",
    "2021-07-20 10:", "2021-07-20 10:11:", "2021-07-20 :11:12", "2021-07-20 10::12", "2021-7-20 10:11:12", "2021-07-20GMT+01:00",
    "2021-07-20 1:02:03.5", "2021-07-20 010:11:12", "2021-07-20 10:011:12", "02021-07-20 10:11:12", "1986-05-04",
    "2021-07-20T10:11:12 UTC+8", "2021-07-20 10:11:12UTC+08:00", "2021-07-20 10:11:12UT", "2021-07-20 10:11:12+18:00",
    "2021-07-20 10:11:12-18:00", "2021-07-20 10:11:12+18:01", "2021-07-20 10:11:12+08:60", "2021-07-20 10:11:12-00:00",
]  # fmt: skip


def values() -> Iterator[tuple[str, str]]:
    """A type of column and the text of a value, without quotes, ``,`` at most in the text of a quoted value."""
    pick = random.Random(11)
    for kind in ("smallint", "int", "bigint"):
        yield from ((kind, text) for text in INTEGERS)
    for kind in ("float", "double"):
        yield from ((kind, text) for text in INTEGERS + FLOATS)
        for _ in range(150):
            yield kind, _number(pick)
    yield from (("bool", text) for text in BOOLS)
    yield from (("date", text) for text in DATES)
    yield from (("date", _mutated(pick, pick.choice(DATES[:32]))) for _ in range(150))
    yield from (("timestamp", text) for text in TIMES)
    yield from (("timestamp", _mutated(pick, pick.choice(TIMES[:60]))) for _ in range(350))
    yield from (("timestamp", _moment(pick)) for _ in range(300))
    yield from (
        ("timestamp", str(pick.randrange(-(10 ** pick.randrange(1, 15)), 10 ** pick.randrange(9, 15))))
        for _ in range(100)
    )


def _number(pick: random.Random) -> str:
    digits = "".join(pick.choice("0123456789") for _ in range(pick.randrange(1, 20)))
    text = digits[: (cut := pick.randrange(len(digits) + 1))] + "." + digits[cut:]
    return text + pick.choice(["", "", f"e{pick.randrange(-330, 320)}", f"E+{pick.randrange(30)}"])


def _moment(pick: random.Random) -> str:
    year = pick.choice([1850, 1900, 1901, 1919, 1940, 1941, 1945, 1946, 1949, *range(1985, 1993), 2021, 2030])
    day = f"{year}-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}"
    clock = f"{pick.randrange(24):02}:{pick.randrange(60):02}:{pick.randrange(60):02}"
    return f"{day} {clock}" + pick.choice(["", "", ".5", f".{pick.randrange(10**6):06}"])


def _mutated(pick: random.Random, text: str) -> str:
    for _ in range(pick.randrange(1, 3)):
        place = pick.randrange(len(text) + 1)
        text = text[:place] + pick.choice("0123456789-: .TZ+/x") * pick.randrange(2) + text[place + pick.randrange(2) :]
    return text or "0"


# ---- the form of CSV files

WIDE: Columns = [["i", "int"], ["s", "string"], ["d", "double"]]
TEXTS: Columns = [["a", "string"], ["b", "string"]]
ONE: Columns = [["a", "string"]]
NUMBER: Columns = [["n", "int"]]
MIXED: Columns = [["a", "string"], ["i", "int"], ["b", "string"]]

_PIECES = [
    "a",
    "b",
    "1",
    " ",
    '"',
    '""',
    "\\",
    '\\"',
    "\\\\",
    ",",
    "'",
    "\t",
    "\u00e9",
    "null",
    "NA",
    "#",
    "|",
    ";",
    "x y",
]


def texts() -> Iterator[Case]:
    """One CSV file each, with the rows in the order of the file."""
    for columns, text in _WRITTEN:
        yield _csv(columns, text)
    for options, columns, text in _WITH_OPTIONS:
        yield _csv(columns, text, options)
    pick = random.Random(12)
    for _ in range(1100):
        columns = pick.choice([WIDE, TEXTS, TEXTS, ONE, MIXED, NUMBER])
        options = pick.choice(_OPTIONS) if pick.random() < 0.35 else {}
        delimiter, quote = options.get("delimiter", ","), options.get("quote", '"')
        end = pick.choice(["\n"] * 8 + ["\r\n", "\r"])
        lines = [] if options.get("header") is False else [delimiter.join(name for name, _ in columns)]
        for _ in range(pick.randrange(1, 4)):
            lines.append(delimiter.join(_field(pick, kind, quote, delimiter) for _, kind in columns))
            if pick.random() < 0.06:
                lines.append(pick.choice(["", " ", "\t", "#", "\u00a0", ","]))
        text = end.join(lines) + (end if pick.random() < 0.8 else "")
        yield _csv(columns, ("\ufeff" if pick.random() < 0.03 else "") + text, options)


def _field(pick: random.Random, kind: str, quote: str, delimiter: str) -> str:
    chance = pick.random()
    if kind in ("int", "double"):
        return pick.choice(
            ["1", "1", "2", "-3", "", '""', "null", "x", '"4"', " 5", "1.5"] if chance < 0.3 else ["1", "7"]
        )
    if chance < 0.35:
        return pick.choice(["a", "word", "two words", "", "null", "NA", "x", "\u4e2d", "-", "1"])
    inner = "".join(pick.choice(_PIECES) for _ in range(pick.randrange(5)))
    if chance < 0.55 and quote:  # as Spark writes it
        return quote + inner.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
    if chance < 0.7 and quote:  # as RFC 4180 has it
        return quote + inner.replace(quote, quote * 2) + quote
    if chance < 0.76 and quote:
        return quote + inner.replace(quote, "") + pick.choice(["\n", "\r\n", delimiter, "\\"]) + "z" + quote
    if chance < 0.85:
        return (
            pick.choice([" ", "\t", ""]) + quote + inner.replace(quote, "") + quote + pick.choice([" ", "  ", "x", ""])
        )
    return inner.replace(delimiter, "")


def _csv(columns: Columns, text: str, options: dict[str, Any] | None = None) -> Case:
    return {"columns": columns, "options": options or {}, "files": {"a.csv": text}, "path": "a.csv"}


_OPTIONS: list[dict[str, Any]] = [
    {"header": False}, {"delimiter": "|"}, {"delimiter": "\t"}, {"delimiter": ";", "null_value": "NA"}, {"quote": "'"},
    {"delimiter": "||"}, {"quote": ""}, {"null_value": "NA"}, {"null_value": ""}, {"null_value": "-", "header": False},
    {"delimiter": "|", "header": False, "null_value": "NA"}, {"delimiter": " "}, {"quote": "#"}, {"delimiter": "::"},
]  # fmt: skip

_WRITTEN: list[tuple[Columns, str]] = [
    (TEXTS, "a,b\n1,2\n"), (TEXTS, "a,b\r\n1,2\r\n"), (TEXTS, "a,b\r1,2\r"), (TEXTS, "a,b\n1,2"), (TEXTS, "\ufeffa,b\n1,2\n"),
    (TEXTS, "a,b\n"), (TEXTS, "\n\na,b\n\n1,2\n\n\n3,4\n"), (TEXTS, "a,b\n  \n1,2\n"), (TEXTS, "a,b\n\t\n1,2\n"),
    (TEXTS, "b,a\n1,2\n"), (TEXTS, "x,y\n1,2\n"), (TEXTS, "A,B\n1,2\n"), (TEXTS, "a\n1,2\n"), (TEXTS, "a,b,c\n1,2\n"),
    (TEXTS, '"a","b"\n1,2\n'), (TEXTS, " a , b \n1,2\n"), (TEXTS, "1,2\n3,4\n"), (TEXTS, "a,b\n1\n"), (TEXTS, "a,b\n1,2,3\n"),
    (TEXTS, "a,b\n,\n"), (TEXTS, 'a,b\n"",""\n'), (TEXTS, 'a,b\n"null",null\n'), (TEXTS, 'a,b\n""""," "\n'),
    (TEXTS, 'a,b\n"he said ""hi""",x\n'), (TEXTS, 'a,b\n"he said \\"hi\\"",x\n'), (TEXTS, 'a,b\n"a\nb",x\n'),
    (TEXTS, 'a,b\n"a\\\\b",back\\slash\n'), (TEXTS, 'a,b\n"a\\nb","\\t"\n'), (TEXTS, 'a,b\n"a\\",x\n'), (TEXTS, 'a,b\n"a\\\\",x\n'),
    (TEXTS, 'a,b\n5"7,x\n'), (TEXTS, 'a,b\nhe said "hi",x\n'), (TEXTS, 'a,b\n "x",y\n'), (TEXTS, 'a,b\n"x" ,y\n'),
    (TEXTS, 'a,b\n"x"y,z\n'), (TEXTS, 'a,b\n"x,y\n'), (TEXTS, 'a,b\nx,"y\n'), (TEXTS, 'a,b\n"x",y"\n'), (TEXTS, "a,b\n x , y \n"),
    (TEXTS, "a,b\n#x,y\n"), (TEXTS, "a,b\nx\x00y,z\n"), (TEXTS, "a,b\n\x00x,z\n"), (TEXTS, "a,b\nx\x0by,\x0c\n"),
    (TEXTS, "a,b\nx\u2028y,\u0085\n"), (TEXTS, "a,b\n\udcff,x\n"), (TEXTS, "a,b\n\udce4\udcf6,x\n"), (TEXTS, "a,b\n\U0001f600,\ufeff\n"),
    (TEXTS, 'a,b\n"x\\",y\n"z",w\n'), (TEXTS, "a,b\n'x,y',z\n"), (TEXTS, 'a,b\n\\"x,y\n'), (TEXTS, 'a,b\n"\\\\\\"",y\n'),
    (TEXTS, 'a,b\n"a""b",c\n'), (TEXTS, 'a,b\n"a","b"c"\n'), (TEXTS, 'a,b\n"a,b","c,d"\n'), (TEXTS, 'a,b\n"","\n'),
    (TEXTS, 'a,b\n"""x""",y\n'), (TEXTS, "a,b\nx\\,y\n"), (TEXTS, 'a,b\n"x\\,y",z\n'), (TEXTS, 'a,b\n"x\\\\\\\\y",z\n'),
    (ONE, "a\n\nx\n\n"), (ONE, 'a\n""\nx\n'), (ONE, "a\n \nx\n"), (ONE, "a\nnull\nx\n"), (ONE, "a\nx,y\n"), (ONE, "a\n\t\n"),
    (NUMBER, "n\n1\n\n2\n"), (NUMBER, 'n\n""\n'), (NUMBER, 'n\n"1"\n'), (NUMBER, "n\n 1\n"), (NUMBER, 'n\n"null"\n'),
    (WIDE, "i,s,d\n1,x,1.5\n"), (WIDE, "i,s,d\n1,x\n"), (WIDE, "i,s,d\n1\n"), (WIDE, "i,s,d\n,,\n"), (WIDE, "i,s,d\nx,y,z\n"),
    (WIDE, "i,s,d\n1,x,1.5,extra\n"), (WIDE, "i,s,d\n1,x,1.5,\n"), (WIDE, 'i,s,d\n"1","x","1.5"\n'), (WIDE, "i,s,d\n1,,\n"),
    ([["i", "int", True], ["s", "string"]], "i,s\n1,x\n"), ([["i", "int", True], ["s", "string"]], "i,s\n,x\n"),
    ([["i", "int"], ["s", "string", True]], "i,s\n1,\n"), ([["i", "int"], ["s", "string", True]], 'i,s\n1,""\n'),
    ([["i", "int", True], ["s", "string"]], "i,s\nx,y\n"), ([["i", "int"], ["t", "timestamp"]], "i,t\n1,2021-07-20 10:11:12\n2,1626747072000\n"),
    ([["i", "int"], ["t", "timestamp"]], "i,t\n1,1626747072000\n2,2021-07-20 10:11:12\n"),
    ([["i", "int"], ["t", "timestamp"]], "i,t\n1,\n2,1626747072000\n3,null\n4,1626747072001\n"),
    ([["i", "int"], ["t", "timestamp"]], "i,t\n1,null\n2,2021-07-20\n3,2021-07-20 10:11:12.5\n"),
    ([["i", "int"], ["t", "timestamp"]], 'i,t\n1,""\n2,1626747072000\n'),
    ([["i", "int"], ["t", "timestamp"]], 'i,t\n1,"1626747072000"\n2,1626747072001\n'),
    ([["i", "int"], ["t", "timestamp"]], 'i,t\n1,"2021-07-20 10:11:12"\n'),
    ([["i", "int"], ["t", "timestamp"]], "i,t\n1,\n2,null\n"), ([["i", "int"], ["t", "timestamp"]], "i,t\n"),
    ([["t", "timestamp"], ["u", "timestamp"]], "t,u\n2021-07-20,1626747072000\n2021-07-21,1626747072001\n"),
    ([["t", "timestamp"], ["u", "timestamp"]], "t,u\n2021-07-20,1626747072000\n1626747072000,1626747072001\n"),
    ([["i", "int"], ["t", "timestamp", True]], "i,t\n1,\n"), ([["d", "date"], ["b", "bool"]], 'd,b\n"2021-07-20","true"\n'),
]  # fmt: skip

_WITH_OPTIONS: list[tuple[dict[str, Any], Columns, str]] = [
    ({"header": False}, TEXTS, "1,2\n3,4\n"), ({"header": False}, TEXTS, "\ufeff1,2\n"), ({"header": False}, TEXTS, "a,b\n1,2\n"),
    ({"header": False}, TEXTS, ""), ({"header": False}, TEXTS, "\n\n"), ({"header": True}, TEXTS, "a,b\n1,2\n"),
    ({"delimiter": "|"}, TEXTS, "a|b\n1|2\n"), ({"delimiter": "|"}, TEXTS, "a|b\n1,2|3\n"), ({"delimiter": "\t"}, TEXTS, "a\tb\n1\t2\n"),
    ({"delimiter": "\\t"}, TEXTS, "a\tb\n1\t2\n"), ({"delimiter": "||"}, TEXTS, "a||b\n1||2\n"), ({"delimiter": "||"}, TEXTS, "a||b\n1|x||2\n"),
    ({"delimiter": "||"}, TEXTS, 'a||b\n"1||x"||2\n'), ({"delimiter": "\u00a7"}, TEXTS, "a\u00a7b\n1\u00a72\n"), ({"delimiter": ""}, TEXTS, "a,b\n1,2\n"),
    ({"delimiter": "\x01"}, TEXTS, "a\x01b\n1\x012\n"), ({"delimiter": "\\"}, TEXTS, "a\\b\n1\\2\n"), ({"delimiter": '"'}, TEXTS, 'a"b\n1"2\n'),
    ({"delimiter": "\\u0001"}, TEXTS, "a\x01b\n1\x012\n"), ({"delimiter": ", "}, TEXTS, "a, b\n1, 2\n"), ({"delimiter": "ab"}, TEXTS, "aabb\n1ab2\n"),
    ({"quote": "'"}, TEXTS, "a,b\n'x,y','it\\'s'\n"), ({"quote": "'"}, TEXTS, "a,b\n'it''s',\"x\"\n"), ({"quote": ""}, TEXTS, 'a,b\n"x","y"\n'),
    ({"quote": ""}, TEXTS, 'a,b\n"x,y"\n'), ({"quote": "##"}, TEXTS, "a,b\n##x##,y\n"), ({"quote": "\\"}, TEXTS, "a,b\n\\x\\,y\n"),
    ({"quote": ","}, TEXTS, "a,b\nx,y\n"), ({"null_value": "NA"}, TEXTS, 'a,b\nNA,null\n,"NA"\n'), ({"null_value": ""}, TEXTS, 'a,b\n,""\nnull,x\n'),
    ({"null_value": "NA"}, WIDE, "i,s,d\nNA,NA,NA\n"), ({"null_value": "\\N"}, TEXTS, "a,b\n\\N,x\n"), ({"null_value": "-"}, WIDE, "i,s,d\n-,-,-\n"),
    ({"null_value": " "}, TEXTS, "a,b\n ,x\n"), ({"null_value": "NULL"}, TEXTS, "a,b\nNULL,null\n"), ({"null_value": "0"}, NUMBER, "n\n0\n1\n"),
]  # fmt: skip

# ---- which files a path means

ROW = "i,s,d\n{0},x,0.5\n"


def _rows(*numbers: int) -> str:
    return "i,s,d\n" + "".join(f"{number},x,0.5\n" for number in numbers)


def places() -> Iterator[Case]:
    """Several files each; the order of the rows is not fixed."""
    two = {"x/1.csv": _rows(1), "x/2.csv": _rows(2), "x/3.csv": _rows(3)}
    for path in ("x", "x/", "x/*", "x/*.csv", "x/?.csv", "x/{1,2}.csv", "x/{1,2,9}.csv", "x/[12].csv", "x/[1-2].csv", "x/[^1].csv",
                 "x/[!1].csv", "x/{1*,3*}", "{x,y}/1.csv", "{x/1,x/2}.csv", "x/9.csv", "x/9*.csv", "x/{8,9}.csv", "*/1.csv", "x/1.csv,x/2.csv",
                 "x/\\1.csv", "./x/1.csv", "x//1.csv", "x/../x/1.csv", "x/{1}.csv", "x/{}1.csv", "x/*1*", "x/[1.csv", "**/1.csv"):  # fmt: skip
        yield _place(two, path)
    hidden = {
        "x/1.csv": _rows(1),
        "x/_2.csv": _rows(2),
        "x/.3.csv": _rows(3),
        "x/_SUCCESS": "",
        "x/4.csv._COPYING_": _rows(4),
    }
    for path in ("x", "x/*", "x/*.csv", "x/_2.csv", "x/.3.csv", "x/_*", "x/.*", "x/_SUCCESS", "x/4.csv._COPYING_"):
        yield _place(hidden, path)
    other = {"x/1.csv": _rows(1), "x/2.txt": _rows(2), "x/3": _rows(3)}
    for path in ("x", "x/2.txt", "x/3", "x/[0-9]*"):
        yield _place(other, path)
    deep = {"x/1.csv": _rows(1), "x/y/2.csv": _rows(2), "x/y/z/3.csv": _rows(3)}
    for path in ("x", "x/*", "x/*/*", "x/y", "x/*.csv", "x/*/*.csv", "."):
        yield _place(deep, path)
    yield _place({"x/y/2.csv": _rows(2)}, "x")
    days = {"x/dt=2024-01-01/1.csv": _rows(1), "x/dt=2024-01-02/1.csv": _rows(2)}
    for path in (
        "x",
        "x/*",
        "x/dt=*",
        "x/dt=2024-01-01",
        "x/dt={2024-01-01,2024-01-03}",
        "x/*/1.csv",
        "x/dt=2024-01-0[12]/*.csv",
    ):
        yield _place(days, path)
    with_day = [*WIDE, ["dt", "string"]]
    for kind in ("string", "date", "timestamp", "int"):
        yield _place(days, "x", [*WIDE, ["dt", kind]])
    yield _place(days, "x", [["dt", "string"], *WIDE])
    yield _place(days, "x/dt=2024-01-01", with_day)
    yield _place({"x/dt=20240101/1.csv": _rows(1)}, "x", [*WIDE, ["dt", "int"]])
    yield _place({"x/dt=20240101/1.csv": _rows(1)}, "x", with_day)
    yield _place({"x/dt=a%20b/1.csv": _rows(1)}, "x", with_day)
    yield _place({"x/dt=__HIVE_DEFAULT_PARTITION__/1.csv": _rows(1)}, "x", with_day)
    yield _place({"x/dt=2024-01-01/hr=01/1.csv": _rows(1), "x/dt=2024-01-01/hr=02/1.csv": _rows(2)}, "x")
    yield _place({"x/dt=2024-01-01/hr=01/1.csv": _rows(1)}, "x", [*with_day, ["hr", "int"]])
    yield _place({"x/dt=2024-01-01/1.csv": _rows(1), "x/1.csv": _rows(2)}, "x")
    yield _place({"x/dt=2024-01-01/1.csv": _rows(1), "x/day=2/1.csv": _rows(2)}, "x")
    yield _place({"x/dt=2024-01-01/1.csv": _rows(1), "x/y/1.csv": _rows(2)}, "x")
    yield _place({"x/s=q/1.csv": "i,d\n1,0.5\n"}, "x")
    yield _place({"x/d=7/1.csv": "i,s\n1,x\n"}, "x")
    yield _place({"x/1.csv": _rows(1), "x/2.csv": ""}, "x")
    yield _place({"x/1.csv": ""}, "x")
    yield _place({"x/1.csv": "i,s,d\n"}, "x")
    yield _place({"x/1.csv": _rows(1), "x/2.csv": "i,s,d\n"}, "x")
    yield _place({"x/1.csv": _rows(1), "x/2.csv": "s,i,d\nx,2,0.5\n"}, "x")
    for name in (
        "1.csv.gz",
        "1.gz",
        "1.csv.bz2",
        "1.csv.deflate",
        "1.csv.GZ",
        "1.csv.zip",
        "1.csv.zst",
        "1.csv.lz4",
        "1.csv.snappy",
        "1.csv.xz",
    ):
        yield _place({f"x/{name}": _rows(1, 2)}, f"x/{name}")
    yield _place({"x/1.csv.gz": _rows(1, 2), "x/2.csv": _rows(3)}, "x")
    yield _place({"x/1.csv.gz": _rows(1, 2)}, "x/*")
    yield _place({"x/1.csv.gz": 'i,s,d\n1,"a\\"b",0.5\n'}, "x")
    yield _place({"x/1.csv.gz": 'i,s,d\n1,"a""b",0.5\n'}, "x")
    times = [["i", "int"], ["t", "timestamp"]]
    yield _place({"x/1.csv": "i,t\n1,2021-07-20\n", "x/2.csv": "i,t\n2,1626747072000\n"}, "x", times)
    yield _place({"x/1.csv": "i,t\n1,1626747072000\n", "x/2.csv": "i,t\n2,2021-07-20 10:11:12\n"}, "x", times)
    yield _place({"x/a b.csv": _rows(1)}, "x/a b.csv")
    yield _place({"x/a%20b.csv": _rows(1)}, "x/a%20b.csv")
    yield _place({"x/\u4e2d.csv": _rows(1)}, "x/\u4e2d.csv")
    yield _place({"x/a b.csv": _rows(1)}, "x/*")
    yield _place({"x/a=1.csv": _rows(1)}, "x")
    yield _place({"x/a,b.csv": _rows(1)}, "x/a,b.csv")
    yield _place({"x/a{1}.csv": _rows(1)}, "x/a{1}.csv")
    yield _place({"x/a[1].csv": _rows(1)}, "x/a[1].csv")
    yield _place({"x/a[1].csv": _rows(1)}, "x")
    yield _place({"x/a:b.csv": _rows(1)}, "x")


def _place(files: dict[str, str], path: str, columns: Columns = WIDE) -> Case:
    return {"columns": columns, "options": {}, "files": files, "path": path}


# ---- Parquet

KINDS: dict[str, list[tuple[str, Any]]] = {
    "bool": [("bool", True), ("int8", 1), ("string", "true")],
    "smallint": [("int16", 7), ("int8", 7), ("int32", 7), ("uint8", 7), ("uint16", 7)],
    "int": [("int32", 7), ("int16", 7), ("int64", 7), ("uint16", 7), ("uint32", 7), ("date32", 7), ("float", 7.0), ("int8", 7)],
    "bigint": [("int64", 7), ("int32", 7), ("uint32", 7), ("uint64", 7), ("timestamp[us]", 7), ("time64[us]", 7), ("decimal", 7)],
    "float": [("float", 1.5), ("double", 1.5), ("halffloat", 1.5)],
    "double": [("double", 1.5), ("float", 1.5), ("int64", 7), ("decimal", 7)],
    "string": [("string", "x"), ("large_string", "x"), ("binary", "x"), ("dictionary", "x"), ("fixed", "x"), ("int64", 7), ("list", "x")],
    "date": [("date32", 18828), ("date64", 18828 * 86400000), ("timestamp[us]", 7), ("string", "2021-07-20"), ("int32", 7)],
    "timestamp": [
        ("timestamp[us]", 1626747072123456), ("timestamp[ms]", 1626747072123), ("timestamp[s]", 1626747072),
        ("timestamp[ns]", 1626747072123456789), ("timestamp[us, tz=UTC]", 1626747072123456), ("timestamp[us, tz=Asia/Shanghai]", 1626747072123456),
        ("timestamp[ms, tz=UTC]", 1626747072123), ("timestamp[ns, tz=UTC]", 1626747072123456789), ("int64", 1626747072123),
        ("date32", 18828), ("string", "2021-07-20 10:11:12"), ("timestamp[us]", -1), ("timestamp[us]", -1999), ("timestamp[ms]", -1),
        ("int96", 1626747072123456789), ("int96", -1500), ("int96", -62135596800000000000 // 7),
    ],
}  # fmt: skip
"""For a type of column: types of Arrow (``int96`` as Spark writes a timestamp), and a value."""

OLD = [
    ("timestamp", "timestamp[us]", -2208988800000000), ("timestamp", "timestamp[us]", -2208988800000001), ("timestamp", "timestamp[us]", -2209017943000000),
    ("timestamp", "timestamp[ms]", -2208988800001), ("timestamp", "timestamp[us]", -62135596800000000), ("timestamp", "timestamp[us]", -12219292800000000),
    ("timestamp", "timestamp[us]", 583729200000000), ("timestamp", "timestamp[us]", 253402300799999999), ("timestamp", "int96", -2208988800000000000),
    ("timestamp", "int96", -2208988800000001000), ("date", "date32", -141427), ("date", "date32", -141428), ("date", "date32", -719162), ("date", "date32", 2932896),
    ("date", "date32", 2932897), ("date", "date32", -25567), ("date", "date32", 0), ("timestamp", "timestamp[us, tz=UTC]", -2208988800000001),
]  # fmt: skip


def parquet() -> Iterator[Case]:
    """Parquet files: types, columns, NULLs, and how they were written."""
    for kind, given in KINDS.items():
        for arrow, value in given:
            yield _parquet([["i", "int"], ["v", kind]], [["i", "int32", [1, 2]], ["v", arrow, [value, None]]])
    for kind, arrow, value in OLD:
        yield _parquet([["v", kind]], [["v", arrow, [value]]])
    two = [["i", "int32", [1, 2]], ["s", "string", ["x", None]]]
    table: Columns = [["i", "int"], ["s", "string"]]
    yield _parquet(table, two)
    yield _parquet(table, [*two, ["more", "int64", [1, 2]]])
    yield _parquet(table, [["more", "int64", [1, 2]], *two])
    yield _parquet(table, two[::-1])
    yield _parquet(table, two[:1])
    yield _parquet([*table, ["d", "double"]], two)
    yield _parquet(table, [["I", "int32", [1, 2]], ["S", "string", ["x", None]]])
    yield _parquet(table, [["i", "int32", [1, 2]], ["t", "string", ["x", None]]])
    yield _parquet(table, [["i", "int32", []], ["s", "string", []]])
    yield _parquet([["i", "int", True], ["s", "string"]], two)
    yield _parquet([["i", "int"], ["s", "string", True]], two)
    yield _parquet(table, [["i", "int32", [None, 2]], ["s", "string", ["", "null"]]])
    for compression in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        yield {**_parquet(table, two), "writer": {"compression": compression}}
    for version in ("1.0", "2.4", "2.6"):
        yield {
            **_parquet(
                [["i", "int"], ["t", "timestamp"]], [["i", "int32", [1]], ["t", "timestamp[ns]", [1626747072123000000]]]
            ),
            "writer": {"version": version},
        }
    yield {
        **_parquet(
            [["i", "int"], ["t", "timestamp"]], [["i", "int32", [1]], ["t", "timestamp[ns]", [1626747072123456000]]]
        ),
        "writer": {"coerce_timestamps": "us"},
    }
    yield {
        **_parquet(
            [["i", "int"], ["t", "timestamp"]], [["i", "int32", [1]], ["t", "timestamp[ns]", [1626747072123000000]]]
        ),
        "writer": {"coerce_timestamps": "ms"},
    }
    yield {**_parquet(table, two), "writer": {"data_page_version": "2.0"}}
    yield {**_parquet(table, two), "writer": {"use_dictionary": False}}
    floats = ["NaN", "Infinity", "-Infinity", "-0.0", "0.1"]
    yield _parquet([["d", "double"]], [["d", "double", floats]])
    yield _parquet([["f", "float"]], [["f", "float", floats]])
    one, other = {"a.parquet": two}, {"x/a.parquet": two, "x/b.parquet": [["i", "int32", [3]], ["s", "string", ["z"]]]}
    yield {**_parquet(table, two), "files": other, "path": "x"}
    yield {**_parquet(table, two), "files": other, "path": "x/*.parquet"}
    yield {**_parquet(table, two), "files": {"x/a.parquet": two, "x/b.parquet": two[:1]}, "path": "x"}
    yield {
        **_parquet(table, two),
        "files": {"x/a.parquet": two, "x/b.parquet": [*two, ["more", "int64", [1, 2]]]},
        "path": "x",
    }
    yield {**_parquet(table, two), "files": {"x/a.parquet": two, "x/b.parquet": two[::-1]}, "path": "x"}
    yield {
        **_parquet(table, two),
        "files": {"x/dt=2024-01-01/a.parquet": two, "x/dt=2024-01-02/a.parquet": two},
        "path": "x",
    }
    yield {
        **_parquet([*table, ["dt", "date"]], two),
        "files": {"x/dt=2024-01-01/a.parquet": two, "x/dt=2024-01-02/a.parquet": two},
        "path": "x",
    }
    yield {**_parquet([*table, ["dt", "string"]], two), "files": {"x/dt=2024-01-01/a.parquet": two}, "path": "x"}
    yield {**_parquet([*table, ["dt", "int"]], two), "files": {"x/dt=20240101/a.parquet": two}, "path": "x"}
    yield {**_parquet([*table, ["dt", "string"]], two), "files": {"x/dt=abc/a.parquet": two}, "path": "x"}
    yield {**_parquet(table, two), "files": {"a": two}, "path": "a"}
    yield {**_parquet(table, two), "files": {"a.parquet": "i,s\n1,x\n"}}
    yield {**_parquet(table, two), "files": one, "format": "csv"}


def _parquet(columns: Columns, fields: list[list[Any]]) -> Case:
    return {"columns": columns, "options": {}, "files": {"a.parquet": fields}, "path": "a.parquet", "format": "parquet"}


# ---- what is written

STRINGS = [
    "plain", 'he said "hi"', "a,b", "", None, "back\\slash", "  blanks  ", "null", '"', '""', "\\", '\\"', "a\nb", "a\r\nb", "a\rb", "\n",
    " ", "\t", "\ta\t", "a|b", "it's", "'", "'x'", "#x", "\u00e9\u4e2d\U0001f600", "\u00a0x\u00a0", "NA", "x\x00y", '"x"', ' "x" ', "a;b", "\x01", "x\x0b",
    "a\\,b", 'a\\"b,c', "a\\\\b", "a\\", 'a"', '"a', "\\n", ",", ",,", " ,", ", ", "1", "true", "NULL", "a  b", "\u2028", "--", "||", "|", "a'b'c", "\x1fa\x7f",
    "\ufeff", "\x00", " a\"b ", "a\n ", " \n",
]  # fmt: skip
NUMBERS = [
    "0.0", "-0.0", "1.0", "0.1", "0.001", "0.0009999", "1.0E-4", "1234567.0", "9999999.0", "1.0E7", "1.0E10", "12345678.9", "1.0E21", "1.0E22", "1.0E23",
    "2.0E-3", "1.5E-45", "4.9E-324", "2.2250738585072014E-308", "1.7976931348623157E308", "NaN", "Infinity", "-Infinity", "0.3", "3.4028234663852886E38",
    "123456789.123", "-1.0E10", "100.0", "1.0E-5", "8.41E21", "2.0E23", "9007199254740992.0", "1.1E-7", "0.30000000000000004", "33333333.333333332", "5.0E-324",
]  # fmt: skip
MOMENTS = [
    1626747072000, 1626747072123, 0, -1, 583729200000, -2209017943000, -2177481943000, -2177481944000, 515520000000, 515523600000, 527011200000, 527007600000,
    253402271999999, 253402272000000, -933667200000, 684867600000, 684871200000, -1600675200000, 1,
]  # fmt: skip
DAYS = ["2021-07-20", "1970-01-01", "1900-01-01", "9999-12-31", "1986-05-04", "1582-10-15"]

_WRITE_OPTIONS: list[dict[str, Any]] = [
    {}, {"delimiter": "|"}, {"delimiter": "\t"}, {"header": False}, {"null_value": "NA"}, {"null_value": ""}, {"quote": "'"}, {"quote": ""}, {"delimiter": "||"},
    {"delimiter": ";", "null_value": "\\N", "header": False}, {"quote": "#", "delimiter": "|"}, {"delimiter": " "},
]  # fmt: skip


def written() -> Iterator[Case]:
    """Rows and options of SELECT INTO OUTFILE; one part file, in the order of the rows."""
    for options in _WRITE_OPTIONS:
        for text in STRINGS:
            yield {"columns": [["id", "int"], ["s", "string"]], "rows": [[1, text]], "options": options}
    for text in STRINGS:
        yield {"columns": [["s", "string"]], "rows": [[text], ["z"]], "options": {}}
    for kind in ("double", "float"):
        yield {"columns": [["x", kind]], "rows": [[text] for text in [*NUMBERS, None]], "options": {}}
    yield {"columns": [["t", "timestamp"]], "rows": [[ms] for ms in [*MOMENTS, None]], "options": {}}
    yield {"columns": [["d", "date"]], "rows": [[day] for day in [*DAYS, None]], "options": {}}
    yield {
        "columns": [["b", "bool"], ["h", "smallint"], ["i", "int"], ["l", "bigint"]],
        "rows": [[True, 1, -1, 2**62], [False, -32768, 2147483647, None], [None, None, None, -(2**62)]],
        "options": {},
    }
    yield {"columns": [["a", "string"], ["b", "string"]], "rows": [["", None], [None, ""]], "options": {}}
    yield {"columns": [["a", "string"], ["b", "string"]], "rows": [], "options": {}}
    pick = random.Random(13)
    for _ in range(250):
        texts = ["".join(pick.choice([*_PIECES, "\n"]) for _ in range(pick.randrange(6))) for _ in range(6)]
        yield {
            "columns": [["a", "string"], ["b", "string"], ["n", "double"]],
            "rows": [[texts[2 * n], texts[2 * n + 1], pick.choice(NUMBERS)] for n in range(3)],
            "options": pick.choice(_WRITE_OPTIONS) if pick.random() < 0.4 else {},
        }
    for kind in ("double", "float"):
        for _ in range(20):
            yield {
                "columns": [["x", kind]],
                "rows": [[_double(pick, kind)] for _ in range(30)],
                "options": {"header": False},
            }


def _double(pick: random.Random, kind: str) -> str:
    chance = pick.random()
    if chance < 0.3:
        return repr(round(pick.uniform(-1000, 1000), pick.randrange(6)))
    if chance < 0.5:
        return repr(pick.uniform(-1, 1))
    if chance < 0.6:
        return repr(float(pick.randrange(-(10**9), 10**9)))
    return repr(
        pick.uniform(-1, 1) * 10 ** pick.randrange(-40 if kind == "float" else -300, 37 if kind == "float" else 300)
    )


# ---- the files of a case


def make(case: Case, folder: Path) -> None:
    """Write a case's files below a folder."""
    for name, content in case["files"].items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_bytes(_packed(name, content.encode("utf-8", "surrogateescape")))
        else:
            _write_parquet(file, content, case.get("writer", {}))


def _packed(name: str, content: bytes) -> bytes:
    if name.endswith((".gz", ".GZ")):
        return gzip.compress(content, mtime=0)
    if name.endswith(".bz2"):
        return bz2.compress(content)
    return zlib.compress(content) if name.endswith(".deflate") else content


def _write_parquet(file: Path, fields: list[list[Any]], writer: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: _array(kind, given) for name, kind, given in fields}
    int96 = any(kind == "int96" for _, kind, _ in fields)
    pq.write_table(pa.table(arrays), file, use_deprecated_int96_timestamps=int96, **writer)


def _array(kind: str, given: list[Any]) -> Any:
    import pyarrow as pa

    if kind in ("float", "double", "halffloat"):
        size = {"float": pa.float32(), "double": pa.float64(), "halffloat": pa.float16()}[kind]
        return pa.array([None if value is None else float(value) for value in given], pa.float64()).cast(size)
    if kind.startswith("timestamp") or kind == "int96":
        unit, _, zone = kind[10:-1].partition(", tz=")
        stored = pa.timestamp("ns") if kind == "int96" else pa.timestamp(unit, zone or None)
        return pa.array(given, pa.int64()).cast(stored)
    if kind == "dictionary":
        return pa.array(given).dictionary_encode()
    if kind == "list":
        return pa.array([None if value is None else [value] for value in given])
    if kind == "fixed":
        return pa.array([None if value is None else value.encode() for value in given], pa.binary(1))
    if kind == "binary":
        return pa.array([None if value is None else value.encode() for value in given], pa.binary())
    if kind == "decimal":
        return pa.array([None if value is None else int(value) for value in given], pa.int64()).cast(
            pa.decimal128(20, 0)
        )
    if kind in ("date32", "date64", "time64[us]"):
        whole = pa.int32() if kind == "date32" else pa.int64()
        return pa.array(given, whole).cast({"date32": pa.date32(), "date64": pa.date64()}.get(kind, pa.time64("us")))
    return pa.array(given, pa.type_for_alias(kind))
