"""The server's log: a JSON object a line for machines, a plain line for people; each with the request's id."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import sys
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TextIO

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""

_GIVEN = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_start = os.urandom(4).hex()
_count = itertools.count(1)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def request_id(given: str | None) -> str:
    """The id that a client gave, if it is fit for a log, else a new one."""
    if given is not None and _GIVEN.fullmatch(given):
        return given
    return f"{_start}{os.getpid():x}-{next(_count):x}"


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request, and what the record has more."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        entry: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if asked := REQUEST_ID.get():
            entry["request"] = asked
        entry |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    """A line for people.

    Line ends, and what else would steer a terminal, are written as escapes, so that nobody can write lines of his own.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        asked = REQUEST_ID.get()
        more = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        line = super().formatMessage(record) + "".join(f" {key}={value}" for key, value in more.items())
        line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
        return f"{line} [{asked}]" if asked else line


def configure(form: str = "auto", stream: TextIO | None = None) -> None:
    """Send the log to a stream.

    Args:
        form: ``json``, ``text``, or ``auto``: text on a terminal, JSON elsewhere.
        stream: standard error by default.
    """
    out = stream or sys.stderr
    if form == "auto":
        form = "text" if out.isatty() else "json"
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
