"""OPTIONS of LOAD DATA and what they share with those of SELECT ... INTO OUTFILE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsflow.embedded.failures import LoadError

MODES = ("append", "overwrite", "error_if_exists")


@dataclass(frozen=True)
class LoadOptions:
    """OPTIONS of LOAD DATA, with OpenMLDB's names and defaults.

    Attributes:
        format: ``csv`` or ``parquet``.
        header: whether the first line of a CSV file names the columns.
        delimiter: between values.
        quote: around values that hold a delimiter, a quote or a line break; "" for none. Doubled inside.
        null_value: the text that stands for NULL; an empty value that is not quoted is NULL, too.
        mode: ``append``, ``overwrite`` (offline only) or ``error_if_exists`` (offline only).
        put_if_absent: online: whether rows that are stored already are left out.
        deep_copy: offline: whether the rows are copied; False leaves them in their files, which each query reads.
    """

    format: str = "csv"
    header: bool = True
    delimiter: str = ","
    quote: str = '"'
    null_value: str = "null"
    mode: str = "error_if_exists"
    put_if_absent: bool = False
    deep_copy: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> LoadOptions:
        """The options as the statement gives them.

        Raises:
            LoadError: an option or its value is unknown, or not supported here.
        """
        known = {"format", "header", "delimiter", "quote", "null_value", "mode", "put_if_absent", "deep_copy"}
        ignored = {"thread", "writer_type", "load_mode"}
        for name in given:
            if name not in known | ignored:
                raise LoadError(f"LOAD DATA has no option {name!r}", hint=f"it knows {', '.join(sorted(known))}")
        options = cls(**{name: check_option(name, value) for name, value in given.items() if name in known})
        if options.quote and options.quote in options.delimiter:
            raise LoadError(f"delimiter={options.delimiter!r} holds the quote {options.quote!r}: choose another one")
        if options.mode not in MODES:
            raise LoadError(f"mode={options.mode!r} is not known", hint=f"use one of {', '.join(MODES)}")
        return options


def _delimiter(value: str) -> str:
    """A delimiter as Spark reads it: the two characters ``\\t`` are a tab."""
    value = "\t" if value == "\\t" else value
    if not value:
        raise LoadError("option delimiter is '', but must have a character")
    if any(mark in value for mark in "\\\r\n\0"):
        raise LoadError(f"option delimiter is {value!r}: OpenMLDB takes no backslash, line end or NUL for it")
    return value


def check_option(name: str, value: Any) -> Any:
    """The value of an option of LOAD DATA or SELECT INTO OUTFILE.

    Raises:
        LoadError: it is not of the option's type.
    """
    if name in ("header", "put_if_absent", "deep_copy"):
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise LoadError(f"option {name} is {value!r}, but must be true or false")
    if not isinstance(value, str):
        raise LoadError(f"option {name} is {value!r}, but must be a string")
    if name == "delimiter":
        return _delimiter(value)
    if name == "quote" and (len(value) > 1 or value in ("\\", "\r", "\n", "\0")):
        raise LoadError(f"option quote is {value!r}, but must be one character (no backslash or line end) or empty")
    if name == "format":
        value = value.lower()
        if value not in ("csv", "parquet"):
            raise LoadError(f"the embedded OpenMLDB does not support format={value!r}", hint="use csv or parquet")
    return value.lower() if name == "mode" else value
