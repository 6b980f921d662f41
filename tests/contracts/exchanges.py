"""Requests and answers of both protocols as data, and how two requests differ."""

from __future__ import annotations

import copy
import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.integration.proxy import Exchange as Raw
from tests.integration.proxy import changes_something, header

JsonDict = dict[str, Any]

MOST_LIKE = 8  # so many earlier answers of its kind an answer is compared with
TEXT = "(JSON text)"  # the one key of what is sent as a text that holds JSON
_SWITCH = re.compile(r"GET .*/process-definition/\d+/versions/\d+")  # a GET that makes another version the current one


@dataclass(eq=False)
class Exchange:
    """A request and its answer.

    Attributes:
        request: of REST ``{"rest": "GET /projects", "as": "session", "query": {...}}`` with ``form``, ``json`` or
            ``file``; of the gateway ``{"gateway": "createOrUpdateWorkflow", "of": "t", "arguments": [...]}``.
        answer: of REST ``{"status": 200, "json": ...}``, or ``type`` of what is no JSON; of the gateway
            py4j's line.
        beside: exchanges before this one that were not answered yet when this one was sent.
    """

    request: JsonDict
    answer: Any = None
    beside: list[Exchange] = field(default_factory=list)

    @property
    def said(self) -> tuple[Any, Any]:
        """Both sides."""
        return self.request, self.answer

    @property
    def name(self) -> str:
        """As ``GET /projects`` or ``gateway createOrUpdateWorkflow``."""
        return str(self.request.get("rest") or f"gateway {self.request['gateway']}")

    @property
    def writes(self) -> bool:
        """Whether it changes something on the server."""
        if "gateway" in self.request:
            return bool(self.request["gateway"] == "createOrUpdateWorkflow")
        return changes_something(self.name) or _SWITCH.fullmatch(self.name) is not None


def write(file: Path, head: JsonDict, exchanges: list[Exchange]) -> None:
    """Write a recording: a line that says what it is, then one for each exchange.

    An answer that is much like an earlier one of the same kind is written as that one's number and what is otherwise.
    """
    numbers = {id(exchange): number for number, exchange in enumerate(exchanges, 1)}
    lines = [_text(head)]
    earlier: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        kind = earlier.setdefault(re.sub(r"\d+", "N", exchange.name), [])
        forms: list[JsonDict] = [{"answer": exchange.answer}]
        for other in kind[-MOST_LIKE:]:
            forms.append({"like": numbers[id(other)], "but": list(changes(other.answer, exchange.answer))})
        line: JsonDict = {"request": exchange.request, **min(forms, key=lambda form: len(_text(form)))}
        beside = [numbers[id(other)] for other in exchange.beside if id(other) in numbers]
        lines.append(_text({**line, "beside": beside} if beside else line))
        kind.append(exchange)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read(file: Path) -> tuple[JsonDict, list[Exchange]]:
    """What :func:`write` wrote."""
    head, *lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    exchanges: list[Exchange] = []
    for line in lines:
        answer = line["answer"] if "answer" in line else changed(exchanges[line["like"] - 1].answer, line["but"])
        beside = [exchanges[number - 1] for number in line.get("beside", [])]
        exchanges.append(Exchange(line["request"], answer, beside))
    return head, exchanges


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def changes(old: Any, new: Any, *place: str | int) -> Iterator[list[Any]]:
    """What makes one value another one: ``[place, value]`` for what is there otherwise, ``[place]`` for what is not."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            if key not in new:
                yield [[*place, key]]
            elif key not in old:
                yield [[*place, key], new[key]]
            else:
                yield from changes(old[key], new[key], *place, key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from changes(one, other, *place, number)
    elif old != new or type(old) is not type(new):
        yield [list(place), new]


def changed(old: Any, steps: list[list[Any]]) -> Any:
    """The value that :func:`changes` made these steps for."""
    new = copy.deepcopy(old)
    for place, *value in steps:
        if not place:
            return value[0]
        inner = new
        for key in place[:-1]:
            inner = inner[key]
        if value:
            inner[place[-1]] = value[0]
        else:
            del inner[place[-1]]
    return new


def request_of(raw: Raw, base: str) -> JsonDict | None:
    """A request as data; None for what belongs to the protocol alone: the gateway's token, objects that are let go.

    Args:
        base: how every path of REST begins.
    """
    return _gateway_request(raw) if raw.name.startswith("gateway ") else _rest_request(raw, base)


def _rest_request(raw: Raw, base: str) -> JsonDict:
    method, target = raw.head.split(b"\r\n", 1)[0].decode().split()[:2]
    url = urlsplit(target)
    request: JsonDict = {"rest": f"{method} {unquote(url.path).removeprefix(base)}"}
    names = {b"sessionid": "session", b"token": "token"}
    request["as"] = next((word for name, word in names.items() if header(raw.head, name)), "nobody")
    if url.query:
        request["query"] = _fields(url.query)
    kind = (header(raw.head, b"content-type") or b"").decode()
    if kind.startswith("application/x-www-form-urlencoded") and raw.body:
        request["form"] = _fields(raw.body.decode())
    elif kind.startswith("application/json"):
        request["json"] = json.loads(raw.body)
    elif kind.startswith("multipart/form-data"):
        message = email.message_from_bytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw.body, policy=email.policy.HTTP
        )
        for part in message.iter_parts():  # type: ignore[attr-defined]
            name = part.get_param("name", header="content-disposition")
            request.setdefault("file", {})[name] = {
                "filename": part.get_filename(),
                "content": json.loads(part.get_payload(decode=True)),
            }
    return request


def _fields(text: str) -> JsonDict:
    return {name: structured(value) for name, value in parse_qsl(text, keep_blank_values=True)}


def _gateway_request(raw: Raw) -> JsonDict | None:
    lines = raw.body.decode().splitlines()
    if lines[0] != "c":
        return None
    return {"gateway": lines[2], "of": lines[1], "arguments": [_argument(line) for line in lines[3:-1]]}


def _argument(line: str) -> Any:
    if line.startswith("s"):
        text = line[1:].replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
        return structured(text)
    if line[0] in "iL":
        return int(line[1:])
    if line[0] == "b":
        return line == "btrue"
    return None if line == "n" else {"py4j": line}


def structured(text: str) -> Any:
    """A text that holds a JSON object or list as ``{TEXT: what it holds}``, any other as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return {TEXT: json.loads(text)}
    except ValueError:
        return text


def answer_of(raw: Raw, data: bytes) -> Any:
    """An answer as data."""
    if raw.name.startswith("gateway "):
        return data.decode().rstrip("\n")
    head, _, body = data.partition(b"\r\n\r\n")
    if header(head + b"\r\n", b"transfer-encoding") == b"chunked":
        body = b"".join(_chunks(body))
    answer: JsonDict = {"status": int(head.split()[1])}
    try:
        answer["json"] = json.loads(body)
    except ValueError:  # a page, for which nothing but its kind matters
        answer["type"] = (header(head + b"\r\n", b"content-type") or b"").decode()
    return answer


def _chunks(body: bytes) -> Iterator[bytes]:
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


# ------------------------------------------------------------------ how two requests differ


def differences(expected: Any, came: Any, place: str = "") -> Iterator[str]:
    """One line for each place in which two requests differ."""
    if isinstance(expected, dict) and isinstance(came, dict):
        for key in [*expected, *(k for k in came if k not in expected)]:
            inside = place if key == TEXT else f"{place}.{key}" if place else str(key)
            if key not in came:
                yield f"{inside}: {_short(expected[key])} is missing"
            elif key not in expected:
                yield f"{inside}: {_short(came[key])} is new"
            else:
                yield from differences(expected[key], came[key], inside)
    elif isinstance(expected, list) and isinstance(came, list) and len(expected) == len(came):
        for number, (one, other) in enumerate(zip(expected, came, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif expected != came or type(expected) is not type(came):
        yield f"{place}: expected {_short(expected)}, came {_short(came)}"


def _short(value: Any, limit: int = 300) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + " ..."
