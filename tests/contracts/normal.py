"""The rule by which a recording is evened out, so that it names no machine and a new one differs where dsflow does.

1. *Codes* (numbers of 12 to 16 digits that a server's answer held first) become 1000000000001 and so on, in their
   order. Numbers that dsflow makes up stay as they are.
2. *Times* from a day before the recording to a year after it become seconds after 2024-01-01 00:00:00, one for each in
   their order; milliseconds become 000, and times in other forms 2024-01-01 00:00:00 itself. Times that a flow names
   lie before or long after, and stay as they are.
3. Python's gateway numbers its objects: o1, o2 and so on, as they come up.
4. Addresses become 192.0.2.1, ports after them 1234; the machine's name becomes ``machine``, the tenant (who records)
   ``etl``, folders ``/server`` and ``/usr/bin/python3``; e-mail addresses ``admin@example.com``; sessions ``session``;
   passwords ``secret``; process numbers 1.
5. Durations and what a monitor measures become constants. A line of a log is cut after 120 characters, and what a
   worker says of itself over several lines after the first of them.
6. Of reads that say the same again and again until something has changed, as polling does, the first ones stay.

Ids count from 1 on a fresh server, which is what ``record.py`` asks for: no rule is needed for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.contracts.exchanges import Exchange

FIRST_CODE = 1_000_000_000_001
FIRST_TIME = datetime(2024, 1, 1)
TENANT = "etl"
PASSWORD = "secret"
SESSION = "session"
MOST_CHARACTERS = 120
_FORM = "%Y-%m-%d %H:%M:%S"

_CODE = re.compile(r"(?<![\d.])\d{12,16}(?!\d)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(\.\d{3})?")
_LOG_LINE = re.compile(r"\[[A-Z]+\] \d{4}-\d\d-\d\d .*? - (?P<text>.*)")
_STAMP = re.compile(r"(?<!\d)(20\d{6})(\d{9})?(?!\d)")
_JAVA_TIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]+ (\d{4})")
_PROCESS = re.compile(r"(?<=process id is: )\d+|(?<=processId:)\d+|(?<=, port=)\d+")
_OBJECT = re.compile(r"(?<=!yr)o\d+|(?<=!xr)o\d+")
_ADDRESS = re.compile(r"(?<![\d.])(?!127\.0\.0\.1|192\.0\.2\.1|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])(:\d{2,5})?")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_HOLDER = re.compile(r"by (\S+), process \d+ \(\w+/\w+\)")
_LISTS = ("/process-instances", "/process-instances/trigger")  # in which a run is waited for
_CONSTANTS = {
    "duration": "1s",
    "sessionId": SESSION,
    "userPassword": PASSWORD,
    "resInfo": "{}",
    "pid": 1,
}


def of_dsflow(value: Any) -> Any:
    """What differs from one process of dsflow to the next: who holds a lock."""
    return _leaves(value, lambda text: _HOLDER.sub("by machine, process 1 (machine/lock)", text))


@dataclass
class Machine:
    """What a recording would tell about the machine that it was made on.

    Attributes:
        names: what stands for each literal text.
    """

    names: dict[str, str] = field(default_factory=dict)

    def hidden(self, text: str) -> str:
        """A text without it."""
        for name in sorted(self.names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", self.names[name], text)
        text = _ADDRESS.sub(lambda found: "192.0.2.1" + (":1234" if found[1] else ""), text)
        return _EMAIL.sub("admin@example.com", text)


def even_out(exchanges: list[Exchange], machine: Machine, began: datetime) -> list[Exchange]:
    """The exchanges of one flow by the rule above.

    Args:
        began: the first time that can be the recording's own, in the server's time zone.
    """
    codes = _codes(exchanges, began)
    times = _times(exchanges, began)
    objects: dict[str, str] = {}
    for exchange in exchanges:
        if isinstance(exchange.answer, str):
            for found in _OBJECT.findall(exchange.answer):
                objects.setdefault(found, f"o{len(objects) + 1}")

    def number(old: int) -> int:
        return _milliseconds(FIRST_TIME) if _is_now(old, began) else codes.get(old, old)

    def text(old: str) -> str:
        new = _CODE.sub(lambda found: str(number(int(found[0]))), old)
        new = _TIME.sub(lambda found: _time(found, times), new)
        new = _STAMP.sub(lambda found: _stamp(found, began), new)
        new = _JAVA_TIME.sub("Mon Jan 01 00:00:00 UTC 2024", new)
        return machine.hidden(_PROCESS.sub("1", new))

    def even(value: Any) -> Any:
        return of_dsflow(_leaves(value, text, number))

    for exchange in exchanges:
        exchange.request, exchange.answer = even(exchange.request), even(exchange.answer)
        if "gateway" in exchange.request:
            exchange.request["of"] = objects.get(exchange.request["of"], exchange.request["of"])
            exchange.answer = _OBJECT.sub(lambda found: objects[found[0]], exchange.answer)
        elif exchange.name == "GET /log/detail":
            exchange.answer = _cut(exchange.answer)
    return without_repetition(exchanges)


def _leaves(value: Any, text: Callable[[str], str], number: Callable[[int], int] = lambda n: n) -> Any:
    if isinstance(value, dict):
        return {
            text(key): _CONSTANTS[key] if key in _CONSTANTS and one else _leaves(one, text, number)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_leaves(one, text, number) for one in value]
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, and every whole number as one."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int):
        yield str(value)


def _codes(exchanges: Iterable[Exchange], began: datetime) -> dict[int, int]:
    own: set[int] = set()
    given: set[int] = set()
    for exchange in exchanges:
        own |= _numbers(exchange.request) - given
        given |= _numbers(exchange.answer) - own
    codes = sorted(code for code in given if not _is_now(code, began))
    return {code: FIRST_CODE + number for number, code in enumerate(codes)}


def _numbers(value: Any) -> set[int]:
    return {int(found) for text in _texts(value) for found in _CODE.findall(text)}


def _times(exchanges: Iterable[Exchange], began: datetime) -> dict[str, str]:
    found = set()
    for exchange in exchanges:
        for text in (*_texts(exchange.request), *_texts(exchange.answer)):
            found |= {f"{day} {hour}" for day, _, hour, _ in _TIME.findall(text)}
    inside = sorted(t for t in found if began <= datetime.strptime(t, _FORM) < began + timedelta(days=366))
    return {t: (FIRST_TIME + timedelta(seconds=n)).strftime(_FORM) for n, t in enumerate(inside, 1)}


def _time(found: re.Match[str], times: dict[str, str]) -> str:
    new = times.get(f"{found[1]} {found[3]}")
    if new is None:
        return found[0]
    return new.replace(" ", found[2]) + (".000" if found[4] else "")


def _milliseconds(time: datetime) -> int:
    return int(time.replace(tzinfo=timezone.utc).timestamp() * 1000)


def _is_now(number: int, began: datetime) -> bool:
    """Whether a number is a time of the recording in milliseconds."""
    return _milliseconds(began) <= number < _milliseconds(began + timedelta(days=366))


def _stamp(found: re.Match[str], began: datetime) -> str:
    """A day, or a time with milliseconds, as it stands in the names of files and runs."""
    if not (f"{began:%Y%m%d}" <= found[1] <= f"{began + timedelta(days=366):%Y%m%d}"):
        return found[0]
    return f"{FIRST_TIME:%Y%m%d}" + ("0" * 9 if found[2] else "")


def _cut(answer: Any) -> Any:
    """The log in an answer, with lines of a bounded length; their number stays."""
    data = (answer.get("json") or {}).get("data")
    if isinstance(data, str):
        answer["json"]["data"] = _short_lines(data)
    elif isinstance(data, dict) and isinstance(data.get("message"), str):
        data["message"] = _short_lines(data["message"])
    return answer


def _short_lines(text: str) -> str:
    kept, output = [], False
    for line in text.splitlines(keepends=True):
        head = _LOG_LINE.match(line)
        output = head["text"].lstrip().startswith("->") if head else output
        if head or output or line.startswith("[LOG-PATH]"):
            end = re.sub(r"[^\r\n]", "", line[-2:])
            kept.append(line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + end)
    return "".join(kept)


def without_repetition(exchanges: list[Exchange], longest: int = 4) -> list[Exchange]:
    """Without blocks of reads that say the same as the block before them, where a later one says something else.

    What is read twice for other reasons than to wait for a change stays.
    """
    kept: list[Exchange] = []
    for number, exchange in enumerate(exchanges):
        kept.append(exchange)
        for size in range(1, longest + 1):
            last, before = kept[-size:], kept[-2 * size : -size]
            if [e.said for e in last] != [e.said for e in before] or any(e.writes or e.beside for e in last):
                continue
            if size == 1 and not last[0].name.endswith(_LISTS):
                continue  # a run is looked at in pairs: itself and its tasks
            if any(_changes_later(e, exchanges[number + 1 :]) for e in last):
                del kept[-size:]
            break
    return kept


def _changes_later(exchange: Exchange, later: list[Exchange]) -> bool:
    """Whether the same question is answered otherwise before anything is written."""
    for other in later:
        if other.writes:
            return False
        if other.request == exchange.request and other.answer != exchange.answer:
            return True
    return False
