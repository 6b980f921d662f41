"""Conditions are JavaScript of 2009: DolphinScheduler evaluates them by Nashorn, which knows ECMAScript 5.1.

A text is read as ECMAScript 5.1 first (calmjs.parse) and then evaluated by QuickJS, of which all is taken away that
Nashorn has not. What QuickJS would answer otherwise than Nashorn is refused by name.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dsflow.errors import DsflowError

SECONDS = 5.0
"""How long a condition may take."""
MEMORY = 64_000_000


class UnknownExpression(DsflowError):
    """A condition that Nashorn may take, and that is not evaluated here."""


@dataclass(frozen=True)
class Answer:
    """What evaluating a text gave.

    Attributes:
        value: true or false; None when the answer is no boolean, or there is none.
        error: JavaScript's own message when it failed, else ''.
        text: what the answer is, in words, '' when it failed.
        empty: there was nothing to evaluate: no text, or comments only.
    """

    value: bool | None
    error: str = ""
    text: str = ""
    empty: bool = False


def evaluate(text: str) -> Answer:
    """What Nashorn gives for an expression.

    Raises:
        UnknownExpression: not evaluated here; says what.
    """
    from calmjs.parse.exceptions import ECMASyntaxError

    if _HTML_COMMENT.search(text):
        raise _unknown(text, "<!-- or -->, a comment to some JavaScript and none to other")
    try:
        program = _parse(text)
    except ECMASyntaxError as error:
        if _LEADING_ZERO.search(_TEXT.sub("", text)):
            raise _unknown(text, "a number like 08") from None
        return Answer(None, f"SyntaxError: {error}")
    if not program.children():
        return Answer(None, text="nothing", empty=True)
    _check(text, program)
    return _run(text)


@lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    from calmjs.parse.lexers.es5 import Lexer

    with _PARSING:
        parser = _parser()
        parser.lexer = Lexer()  # it remembers what it has read
        return parser.parse(text)


@lru_cache(maxsize=1)
def _parser() -> Any:
    """A parser for all texts: making its tables takes longer than reading a condition."""
    from calmjs.parse.parsers.es5 import Parser

    return Parser()


_PARSING = threading.Lock()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEADING_ZERO = re.compile(r"(?<![\w.$])0[0-9]*[89]")
_TEXT = re.compile(r'"[^"]*"')
_HTML_COMMENT = re.compile(r"<!--|-->")
_OTHER_RADIX = re.compile(r"""["']\s*0[bBoO]""")
_LATER_REGEX = re.compile(r"\(\?<|\\[pPk]|\\u\{")
_OF_JAVA = _words(
    """
    Java JavaImporter JSAdapter Packages com edu java javafx javax org load loadWithNewGlobal print exit quit
    __FILE__ __DIR__ __LINE__ engine context arguments
    """
)
_DATES = frozenset({"parse", "UTC"})
_EXPRESSIONS = _words(
    """
    ES5Program ExprStatement EmptyStatement Array Arguments Assign BinOp BitAndOp Boolean BracketAccessor Comma
    Conditional DotAccessor Elision FunctionCall GroupingOp Identifier LogicalOp NewExpr Null Number PostfixExpr
    PropIdentifier Regex String This UnaryExpr
    """
)


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children():
        if child is not None:
            yield from _nodes(child)


def _check(text: str, program: Any) -> None:
    """Refuse what Nashorn and QuickJS may answer differently."""
    for node in _nodes(program):
        kind = type(node).__name__
        if kind not in _EXPRESSIONS:
            raise _unknown(text, f"{_WORDS.get(kind, kind)}: a condition is one expression")
        if kind == "Assign" and type(node.left).__name__ == "Identifier":
            raise _unknown(text, "an assignment, which the server keeps for its other conditions; == compares")
        if kind == "Identifier" and node.value in _OF_JAVA:
            raise _unknown(text, f"{node.value!r}, which reaches into the server")
        if kind == "String" and _OTHER_RADIX.match(node.value):
            raise _unknown(text, f"the text {node.value}, a number in one edition of JavaScript and none in another")
        if kind == "Regex":
            body, _, flags = node.value.rpartition("/")
            if set(flags) - set("gim") or _LATER_REGEX.search(body):
                raise _unknown(text, f"the regular expression {node.value}")
        if kind in ("NewExpr", "FunctionCall") and getattr(node.identifier, "value", "") == "Date" and _given(node):
            raise _unknown(text, "a time read from a text")
        if kind == "PropIdentifier" and (node.value.startswith("toLocale") or node.value in _DATES | {"localeCompare"}):
            owner = "Date." if node.value in _DATES else ""
            if not owner or "JSON" not in text:
                raise _unknown(text, f"{owner}{node.value}, which depends on the server's language or time zone")


_WORDS = {"FuncExpr": "a function", "FuncDecl": "a function", "Object": "an object in braces", "VarStatement": "var"}


def _given(call: Any) -> list[Any]:
    return list(call.args.items) if call.args is not None else []


def _unknown(text: str, what: str) -> UnknownExpression:
    return UnknownExpression(f"the condition {text!r} has {what}", hint="it is not evaluated here, only on a server")


def _run(text: str) -> Answer:
    import quickjs

    context = quickjs.Context()
    context.set_memory_limit(MEMORY)
    context.eval(_prelude())
    context.set_time_limit(SECONDS)
    try:
        value = context.eval(text)
    except quickjs.JSException as error:
        if _MARK in str(error):
            name = str(error).split(_MARK)[1].split("\n")[0]
            raise _unknown(text, f"Java's {name}, in a form that is not known") from None
        return Answer(None, str(error).split("\n")[0])
    if isinstance(value, bool):
        return Answer(value, text=str(value).lower())
    return Answer(None, text=_shown(value))


def _shown(value: object) -> str:
    if value is None:
        return "null or undefined"
    if isinstance(value, str):
        return f"the text {value!r}"
    return f"the number {value}" if isinstance(value, (int, float)) else "an object"


# What Nashorn's objects have (nashorn-core 15.4); QuickJS has these and more.
_KNOWN = {
    "Object": "create defineProperties defineProperty freeze getOwnPropertyDescriptor getOwnPropertyNames "
    "getPrototypeOf isExtensible isFrozen isSealed keys length name preventExtensions prototype seal "
    "setPrototypeOf",
    "Object.prototype": "__proto__ constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString "
    "toString valueOf",
    "Function.prototype": "apply bind call constructor length name toString",
    "Array": "isArray length name prototype",
    "Array.prototype": "concat constructor every filter forEach indexOf join lastIndexOf length map pop push reduce "
    "reduceRight reverse shift slice some sort splice toLocaleString toString unshift",
    "String": "fromCharCode length name prototype",
    "String.prototype": "charAt charCodeAt concat constructor indexOf lastIndexOf length localeCompare match replace "
    "search slice split substr substring toLocaleLowerCase toLocaleUpperCase toLowerCase toString toUpperCase "
    "trim trimLeft trimRight valueOf",
    "Number": "MAX_VALUE MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY length name prototype",
    "Number.prototype": "constructor toExponential toFixed toLocaleString toPrecision toString valueOf",
    "RegExp.prototype": "compile constructor exec global ignoreCase lastIndex multiline source test toString",
    "Math": "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow "
    "random round sin sqrt tan",
    "JSON": "parse stringify",
    "this": "Array ArrayBuffer Boolean DataView Date Error EvalError Float32Array Float64Array Function Infinity "
    "Int16Array Int32Array Int8Array JSON Math NaN Number Object RangeError ReferenceError RegExp String "
    "SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray decodeURI "
    "decodeURIComponent encodeURI encodeURIComponent escape eval isFinite isNaN parseFloat parseInt "
    "undefined unescape",
}


_MARK = "method of Java: "
# To Nashorn a text has the methods of java.lang.String too, as long as JavaScript has none of that name. Here are those
# that a condition may want, for arguments whose meaning is plain: what they take, and what they give.
_ONE_TEXT = "typeof this === 'string' && arguments.length === 1 && typeof other === 'string'"
_PLAIN_ARGUMENTS = "arguments.length === 2 && /^[\\w ,;:-]+$/.test(other) && /^[^$\\\\]*$/.test(by)"
_OF_STRING = {
    "startsWith": (_ONE_TEXT, "this.indexOf(other) === 0"),
    "endsWith": (_ONE_TEXT, "this.slice(-other.length) === other || other === ''"),
    "contains": (_ONE_TEXT, "this.indexOf(other) >= 0"),
    "isEmpty": ("typeof this === 'string' && arguments.length === 0", "this.length === 0"),
    "equals": (
        "typeof this === 'string' && arguments.length === 1 && (other === null || typeof other !== 'object')",
        "this === other",
    ),
    "replaceAll": (f"typeof this === 'string' && {_PLAIN_ARGUMENTS}", "this.split(other).join(by)"),
}
_OF_JAVA_OBJECTS = (
    "blank booleanValue byteValue bytes chars class codePointAt codePointBefore codePointCount codePoints "
    "compareTo compareToIgnoreCase contentEquals describeConstable doubleValue empty equals equalsIgnoreCase "
    "floatValue formatted getBytes getChars getClass hashCode indent infinite intValue intern isBlank isEmpty "
    "isInfinite isNaN lines longValue matches naN notify notifyAll offsetByCodePoints regionMatches repeat "
    "replaceAll replaceFirst shortValue strip stripIndent stripLeading stripTrailing subSequence toCharArray "
    "transform translateEscapes wait"
)


@lru_cache(maxsize=1)
def _prelude() -> str:
    """A script that takes from QuickJS all that Nashorn has not, and gives texts what Java's have."""
    lines = ["(function (root) {", "var known;"]
    for owner, names in _KNOWN.items():
        target = "root" if owner == "this" else owner
        lines.append(f"known = ' {names} ';")
        lines.append(
            f"Object.getOwnPropertyNames({target}).forEach(function (n) {{"
            f" if (known.indexOf(' ' + n + ' ') < 0) try {{ delete {target}[n]; }} catch (e) {{}} }});"
        )
    lines += [
        f"'{_OF_JAVA_OBJECTS}'.split(' ').forEach(function (n) {{",
        "  [String, Number, Boolean].forEach(function (type) { Object.defineProperty(type.prototype, n, {",
        f"    configurable: true, get: function () {{ throw new Error('{_MARK}' + n); }} }}); }}); }});",
    ]
    for name, (takes, gives) in _OF_STRING.items():
        lines += [
            f"Object.defineProperty(String.prototype, '{name}', {{value: function (other, by) {{ 'use strict';",
            f"  if (!({takes})) throw new Error('{_MARK}{name}');",
            f"  return {gives}; }}}});",
        ]
    # what takes its place inside stays reachable there: regular expressions work through symbols
    return "\n".join([*lines, "})(this);"])
