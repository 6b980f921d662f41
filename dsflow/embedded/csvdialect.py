"""CSV as Spark reads it for OpenMLDB, line by line; it is not RFC 4180.

A row ends at each line end, also inside quotes. Inside quotes a backslash stands before a quote or a backslash;
elsewhere it is a character like any other. A doubled quote is no quote: Spark then keeps the quotes around the value,
and may cut it elsewhere, without a word. Lines of blanks alone are passed over.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from dsflow.embedded.failures import LoadError

BLANK = "".join(map(chr, range(33)))
"""What Spark trims: every character up to the blank."""

_BLOCK = 1 << 20
_OF_NUMBERS = b"0123456789+-:"
"""Bytes that whole numbers and times are written with, beside blanks."""


class Malformed(Exception):
    """A line that Spark reads to something else than what was meant, or says nothing about.

    Attributes:
        problem: what is wrong.
        hint: what to do.
    """

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


def fields(line: str, delimiter: str, quote: str) -> list[str | None]:
    """The values of a line; None for an empty one that is not quoted.

    Raises:
        Malformed: a quoted value is not as Spark's dialect has it.
    """
    if "\0" in line:
        raise Malformed("there is a NUL character in it", "is this a text file? take the character out")
    if not quote or quote not in line:
        return [value or None for value in line.split(delimiter)]
    values: list[str | None] = []
    at = 0
    while True:
        if line.startswith(quote, at):
            value, at = _quoted(line, at + 1, delimiter, quote)
            values.append(value)
        else:
            end = line.find(delimiter, at)
            end = len(line) if end < 0 else end
            if len(delimiter) > 1 and quote in line[at:end]:
                raise Malformed(
                    f"there is a {quote} in a value without quotes, of which Spark makes two where the delimiter is"
                    f" {delimiter!r}",
                    "use a delimiter of one character",
                )
            values.append(line[at:end] or None)
            at = end
        if at == len(line):
            return values
        at += len(delimiter)


def _quoted(line: str, at: int, delimiter: str, quote: str) -> tuple[str, int]:
    """A quoted value that begins at a place, and the place of the delimiter after it."""
    parts = []
    begin = at
    while at < len(line):
        if line[at] == "\\" and line[at + 1 : at + 2] in (quote, "\\"):
            parts.append(line[begin:at])
            begin, at = at + 1, at + 2
        elif line[at] == quote:
            parts.append(line[begin:at])
            return "".join(parts), _after(line, at + 1, delimiter, quote)
        else:
            at += 1
    raise Malformed(
        "a quoted value does not end on its line",
        f"OpenMLDB ends a row at each line end, also inside quotes: take line ends out of values, and write a quote"
        f" inside a value as \\{quote}; or load Parquet",
    )


def _after(line: str, at: int, delimiter: str, quote: str) -> int:
    rest = line[at:]
    if not rest or rest.startswith(delimiter):
        return at
    if rest.startswith(quote):
        raise Malformed(
            "a quote inside a quoted value is doubled, which OpenMLDB does not know: it keeps all the quotes",
            f"write \\{quote} for it (pandas: to_csv(doublequote=False, escapechar='\\\\')), or load Parquet",
        )
    skipped = len(rest) - len(rest.lstrip(BLANK.replace(delimiter[0], "")))
    if skipped and (skipped == len(rest) or rest.startswith(delimiter, skipped)):
        return at + skipped
    raise Malformed(
        "a quoted value is followed by more text", f"write a quote inside a value as \\{quote}, or load Parquet"
    )


# ---- lines


def lines(file: str, delimiter: str = "") -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers; a line ends at ``\\n``, ``\\r\\n`` or ``\\r``.

    Raises:
        LoadError: the file cannot be read, a line is not UTF-8, or has values (there is a delimiter) and yet is blank.
    """
    number = 0
    try:
        with opened(file) as stream:
            for block in stream:
                whole = block.removesuffix(b"\n").removesuffix(b"\r") if b"\r" in block else block.removesuffix(b"\n")
                for line in whole.split(b"\r") if b"\r" in whole else (whole,):
                    number += 1
                    try:
                        text = line.decode("utf-8")
                    except UnicodeDecodeError as error:
                        where = f"{Path(file).name} line {number}"
                        raise LoadError(f"{where}: the text is not UTF-8", hint="save the file as UTF-8") from error
                    if number == 1:
                        text = text.removeprefix("\ufeff")
                    if text.strip(BLANK):
                        yield number, text
                    elif delimiter and delimiter in text:
                        raise LoadError(
                            f"{Path(file).name} line {number}: all values are empty, and OpenMLDB passes over a line of"
                            " blanks",
                            hint="write OPTIONS(null_value=...) and that text for NULL, or leave the row out",
                        )
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LoadError(f"cannot read {file}: {reason}") from error


def opened(file: str) -> IO[bytes]:
    """A file's bytes, uncompressed where its ending says that it is compressed."""
    if file.endswith(".gz"):
        return cast(IO[bytes], gzip.open(file, "rb"))
    if file.endswith(".bz2"):
        return cast(IO[bytes], bz2.open(file, "rb"))
    if file.endswith(".deflate"):
        import io

        return io.BytesIO(zlib.decompress(Path(file).read_bytes()))
    return open(file, "rb")


# ---- what is in a file


@dataclass(frozen=True)
class Shape:
    """What a file's bytes say of it.

    Attributes:
        quotes: there are quotes.
        escapes: there are backslashes.
        line_ends: all its lines end alike, with ``\\n`` or with ``\\r\\n``.
        nul: there is a NUL character.
        blank_start: the first line is blank.
        blanks: how many blanks there are in a file that has nothing else below its header than digits, signs, colons,
            delimiters and line ends; None in any other.
    """

    quotes: bool
    escapes: bool
    line_ends: bool
    nul: bool
    blank_start: bool
    blanks: int | None


def shape(file: str, quote: str, delimiter: str, *, header: bool) -> Shape:
    """Look at the bytes of a file.

    Args:
        file: its path.
        quote, delimiter: the dialect's.
        header: whether the first line is one.

    Raises:
        LoadError: it cannot be read.
    """
    mark = quote.encode()
    quotes = escapes = nul = blank_start = bare_ends = started = False
    returns = ends = pairs = 0
    blanks: int | None = None if set(delimiter) & set(_OF_NUMBERS.decode() + " ") else 0
    plain = _OF_NUMBERS + b" \r\n" + delimiter.encode()
    last = b""
    try:
        with opened(file) as stream:
            while block := stream.read(_BLOCK):
                below = block
                if not started:
                    start, *rest = re.split(rb"[\r\n]", block.removeprefix(b"\xef\xbb\xbf"), maxsplit=1)
                    blank_start = not start.strip(BLANK.encode())
                    started = bool(rest)
                    below = b"".join(rest) if header else block
                if blanks is not None:
                    blanks = blanks + below.count(b" ") if not below.translate(None, plain) else None
                quotes = quotes or (bool(mark) and mark in block)
                escapes = escapes or b"\\" in block
                nul = nul or b"\0" in block
                if b"\r" in block or returns:
                    returns += block.count(b"\r")
                    pairs += (last + block).count(b"\r\n")
                    ends += block.count(b"\n")
                else:
                    bare_ends = bare_ends or b"\n" in block
                last = b"\r" if block.endswith(b"\r") else b""
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LoadError(f"cannot read {file}: {reason}") from error
    line_ends = not returns or (returns == pairs == ends and not bare_ends)
    return Shape(quotes, escapes, line_ends, nul, blank_start, blanks)
