# ruff: noqa: E501
"""What DolphinScheduler's classes were asked: texts to fill, and what scripts wrote."""

from __future__ import annotations

import random
from collections.abc import Iterator

NOWS = ["20261129200507", "20240229000000", "20241231235959", "20250101000001", "20240331120000", "20230105010203"]
FORMATS = [
    "yyyyMMdd", "yyyy-MM-dd", "yyyy-MM-dd HH:mm:ss", "HHmmss", "yyyyMMddHHmmss", "yyyy/MM/dd", "yyyyMM", "yyyy",
    "yyMMdd", "yyMMdd000000", "MM-dd", "dd", "d", "M", "HH", "H", "hh:mm a", "h", "K", "KK", "k", "kk", "mm", "m", "s",
    "ss", "y", "yyy", "yyyyy", "u", "uu", "uuuu", "D", "DDD", "E", "EEE", "EEEE", "EEEEE", "MMM", "MMMM", "MMMMM", "LLL",
    "LL", "LLLL", "Q", "QQ", "QQQ", "QQQQ", "q", "w", "ww", "yyyyww", "YYYY", "YY", "YYYYww", "W", "e", "ee", "eee", "c",
    "ccc", "cccc", "a", "G", "GGGG", "GGGGG", "S", "SSS", "n", "N", "A", "dt=yyyyMMdd", "'dt'=yyyyMMdd", "yyyy'年'MM",
    "yyyy''MM", "'T'HH", "yyyy-MM-dd'T'HH", "yyyy_MM_dd", "yyyy.MM.dd", "MM, yyyy", "{yyyy}", "#yyyy", "yyyy:", "i",
    "n+", "yyyyMMddd", "aa", "EEEEEE", "cc", "ddd", "HHH", "MMMMMM", "X", "VV", "z", "O", "yyyyMMdd'", "'yyyy", "", " ",
    "5", "12", "x", "name", "total", "yyyyMMdd\\", "yyyy\\-MM", "l", "P", "R", "b", "f", "o", "C", "j", "t", "v", "U",
    "yyyy年MM月dd日", "dd日", "MMdd HH", "yyyy  MM", "d/M/yy", "E d MMM", "QQQ yyyy", "$", "wWF", "F",
]  # fmt: skip
SHIFTS = [
    "-1", "+1", "-7*2", "+7*2", " -1", "- 1", "-1/24", "+1/24", "-5/24/60", "+15/24/60", "-0", "+30", "-365", "-(1+2)",
    "+(2*3)/24", "-1-1", "+1-1", "-1+1", "+n", "-n", "+1+1", "-2*3/24", "+1/0", "+", "-", "-1.5", "+99999999999", "*2",
    "-1 /24", "+7/24/60", "+1/24/60/60",
]  # fmt: skip
COUNTS = [
    "1", "-1", "0", "12*1", "-12*1", "-12*2", " -1", "- 1", "+1", "-1+2", "2-1", "-(1+1)", "3*(1-2)", "(1", "1)", "a", "", "7",
    "-13", "1+2*3", "10/3", "-10/3", "1--1", "2*-3", "--1", "1 + 1", "1.5", "99999999999",
]  # fmt: skip
FUNCTIONS = ["add_months", "month_begin", "month_end", "week_begin", "week_end"]
NEWER = ["month_first_day", "month_last_day", "this_day", "last_day", "week_first_day", "week_last_day", "year_week"]


def _bodies() -> Iterator[str]:
    yield from FORMATS
    for form in (
        "yyyyMMdd",
        "yyyy-MM-dd",
        "HHmm",
        "yyyy-MM-dd HH",
        "n",
        "i",
        "1",
        "x",
        "",
        "yyyy-MM-dd HH:mm:ss",
        "yyyyMMdd000000",
    ):
        yield from (form + shift for shift in SHIFTS)
    for function in FUNCTIONS + NEWER:
        for form in ("yyyyMMdd", "yyyy-MM-dd", "yyyyMM"):
            yield from (f"{function}({form},{count})" for count in COUNTS)
            yield f"{function}({form})"
        for odd in ("{}", "{}()", "{}(", "{}(,1)", "{}(yyyyMMdd,1,2)", "{}(yyyyMMdd,)", "{}(yyyyMMdd,1", "{}(yyyyMMdd,1)-1",
                    "{}(i,1)", "{}x(yyyyMMdd,1)", "{} (yyyyMMdd,1)", " {}(yyyyMMdd,1)", "{}('dt='yyyyMMdd,1)", "{}(YYYY-ww,3)",
                    "{}(yyyy-MM-dd HH:mm:ss,-1)", "{}(EEE,1)"):  # fmt: skip
            yield odd.format(function)
    for inner in ("yyyyMMddHHmmss", "yyyyMMdd00mmss", "yyyyMMdd000000-1", "month_begin(yyyyMMddHHmmss,1)", "yyyyMMdd",
                  "add_months(yyyyMMdd000000,-1)", "this_day(yyyyMMddHHmmss)", "", "yyyy-MM-dd HH:mm:ss"):  # fmt: skip
        yield f"timestamp({inner})"
    yield from (
        "n+1",
        "i",
        "x+1",
        "1+1",
        "2*3",
        "a+b",
        "10+5",
        "count",
        "count-1",
        "#array",
        "$x",
        "i++",
        "n%2",
        "-1",
        "+1",
        "_",
    )


def times() -> Iterator[tuple[str, str]]:
    """Texts with ``$[...]``, each with the time of the run."""
    bodies = list(dict.fromkeys(_bodies()))
    for place, body in enumerate(bodies):
        yield f"$[{body}]", NOWS[place % len(NOWS)]
    choose = random.Random(1)
    for _ in range(700):
        function = choose.choice([*FUNCTIONS, *NEWER, "", "", "", "timestamp"])
        form = choose.choice(FORMATS)
        body = form + choose.choice([*SHIFTS, ""]) if not function else f"{function}({form},{choose.choice(COUNTS)})"
        if function == "timestamp":
            body = f"timestamp({choose.choice(['yyyyMMddHHmmss', 'yyyyMMdd000000'])}{choose.choice([*SHIFTS, ''])})"
        yield f"$[{body}]", choose.choice(NOWS)


def texts() -> Iterator[tuple[str, dict[str, str]]]:
    """Texts with ``${...}``, each with the values that it sees."""
    fixed: list[tuple[str, dict[str, str]]] = [
        ("${a}", {"a": "1"}), ("${b}", {"a": "1"}), ("${a}", {}), ("${a}", {"a": ""}), ("${a}${a}", {"a": "${b}", "b": "x"}),
        ("${a}", {"a": "${a}"}), ("${a}", {"a": "${b}", "b": "${a}"}), ("${a}", {"a": "[${b}]", "b": "${c}", "c": "z"}),
        ("${${a}}", {"a": "b", "b": "x"}), ("${a${b}}", {"b": "c", "ac": "x"}), ("${a", {"a": "1"}), ("$ {a}", {"a": "1"}),
        ("${ a }", {"a": "1", " a ": "2"}), ("${a}}", {"a": "1"}), ("{${a}}", {"a": "1"}), ("${{a}}", {"a": "1", "{a}": "2"}),
        ("$${a}", {"a": "1"}), ("${a:-x}", {"a": "1"}), ("${a:x}", {"a": "1"}), ("${a} $[yyyyMMdd]", {"a": "$[yyyy]"}),
        ("$[${f}]", {"f": "yyyyMM"}), ("$[yyyy${s}]", {"s": "-365"}), ("${x} ${a}", {"a": "1"}), ("${a}", {"a": "$"}),
        ("${a}", {"a": "\\"}), ("${a}", {"a": "$[yyyy]\\"}), ("${system.biz.date}", {"system.biz.date": "20240101"}),
        ("${a.b}", {"a.b": "1"}), ("${a}\n${b}", {"a": "1\n2", "b": "3"}), ("${}", {"": "1"}), ("${a}", {"a": "{"}),
        ("${a ${b}", {"a": "1", "b": "2"}), ("${a{b}", {"a{b": "1", "b": "2"}), ("${x${a}", {"a": "1"}), ("'${a}'", {"a": "'"}),
        ("${a}${b}", {"a": "$", "b": "{a}"}), ("${a}{b}", {"a": "$", "b": "2"}), ("${u} ${a}", {"u": "${v}", "a": "1"}),
        ("echo $[$i+1] $(( x[1] )) $[ 5 ] $[5]", {}), ("${a}", {"a": "x=${e}/y", "e": "="}), ("$[yyyy]$[MM]", {}),
    ]  # fmt: skip
    yield from fixed
    choose = random.Random(2)
    pieces = [
        "${a}",
        "${b}",
        "${c}",
        "${d}",
        "${",
        "}",
        "{",
        "$",
        "a",
        "b",
        "-",
        "\\",
        " ",
        "[",
        "]",
        "$[yyyy]",
        "${e}",
        "x",
    ]
    for _ in range(500):
        values = {
            name: "".join(choose.choices(pieces, k=choose.randint(0, 3))) for name in "abcd" if choose.random() < 0.8
        }
        yield "".join(choose.choices(pieces, k=choose.randint(1, 5))), values


def outputs() -> Iterator[tuple[str, list[str]]]:
    """What a script wrote, with the names of the outputs that its task declares."""
    fixed = [
        "${setValue(a=1)}", "#{setValue(a=1)}", "x ${setValue(a=1)}", " ${setValue(a=1)}", "${setValue(a=1)} x",
        "${setValue(a=/m/dt=2024-01-01/model.json)}", "${setValue(a=f(x))}", "${setValue(a=x)y)}", "${setValue(a=)}",
        "${setValue(a=1)}${setValue(b=2)}", "${setValue(a=1)} ${setValue(a=2)}", "${setValue(a=1)}\n${setValue(a=2)}",
        "${setValue(a=1\n2)}", "${setValue(a=1", "${setValue(a)}", "${setValue(=1)}", "${setValue( a =1)}", "${setValue(a= 1 )}",
        "INFO:root:${setValue(a=1)}", "${setValue(a=1)}\n", "${setValue(a=a==b)}", "${setValue(a==)}", "${setValue(a===)}", "",
        "nothing", "${setValue(c=1)}", "${setValue(a=1)}\n${setValue(c=1)}\n${setValue(b=2)}", "#{setValue(a=1)} ${setValue(b=2)}",
        "${setValue(a={\"x\": 1})}", "${setValue(a=[1, 2])}", "${setValue(a=${b})}", "${setValue(a=$VarPool$)}", "$ {setValue(a=1)}",
        "${setValue(a=x$VarPool$b=2)}", "${setValue(a=1)}}", "${setvalue(a=1)}", "${setValue(a=1) }", "${setValue(a=1)}\n${setValue(b=)}",
        "${setValue(a=中)}", "${setValue(a=\\n)}", "${setValue(a=')')}", "${setValue(a=1)}\r\n${setValue(b=2)}\r\n", "${setValue()}",
        "${setValue(a=x${e}y)}", "${setValue(a=${})}",
    ]  # fmt: skip
    for written in fixed:
        yield written, ["a", "b"]
    choose = random.Random(3)
    pieces = [
        "${setValue(",
        "#{setValue(",
        ")}",
        ")}\n",
        ")",
        "}",
        "a=",
        "b=",
        "c=",
        "=",
        "1",
        "x",
        "\n",
        " ",
        "(",
        "{",
        "$",
        "log ",
    ]
    for _ in range(700):
        whole = "".join(
            choose.choice(["", "", "", "log ", "\n"]) + choose.choice(["${setValue(", "#{setValue("])
            + choose.choice(["a=", "b=", "a=", ""]) + "".join(choose.choices(pieces[4:], k=choose.randint(0, 4)))
            + choose.choice([")}\n", ")}\n", ")}", "\n", ")} x\n"]) for _ in range(choose.randint(1, 3))
        )  # fmt: skip
        yield whole, ["a", "b"]
