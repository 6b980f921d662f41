"""The formats of models: one table of them, and for each a file with its class. Never a pickle.

A pickle is a program: whoever may write the file would run code here. The formats below hold numbers alone, and even so
a file that nobody has checked is loaded in a child process first.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass

from dsflow._version import Extra, install_command
from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

__all__ = [
    "FORMATS",
    "HINT",
    "Format",
    "ModelFormat",
    "Task",
    "format_of",
    "import_beforehand",
    "import_format",
    "load_model",
]


@dataclass(frozen=True)
class Format:
    """What is known of a format without the library that reads it.

    Attributes:
        name: the format's name in answers.
        reader: the class that reads it, as ``module:class``.
        package: the library that it needs.
        extra: what of dsflow brings that library.
        begins: whether a file is of this format, by its first bytes alone, so that no library is imported for a file
            that is not its own.
        endings: of the names of copies.
        files: what its files are called in messages.
        written_by: what writes them.
        needs_frames: its library cannot do without what :func:`import_beforehand` leaves out.
    """

    name: str
    reader: str
    package: str
    extra: Extra
    begins: Callable[[bytes], bool]
    endings: tuple[str, ...]
    files: str
    written_by: str
    needs_frames: bool = False


FORMATS = (
    Format(
        name="xgboost",
        reader="dsflow.serving.formats.xgboost:XGBoostModel",
        package="xgboost",
        extra="serve",
        begins=lambda raw: raw[:1] == b"{",
        endings=(".json", ".ubj"),
        files="JSON or UBJSON of xgboost",
        written_by="xgboost's Booster.save_model",
    ),
    Format(
        name="lightgbm",
        reader="dsflow.serving.formats.lightgbm:LightGBMModel",
        package="lightgbm",
        extra="lightgbm",
        begins=lambda raw: raw[:5] in (b"tree\n", b"tree\r"),
        endings=(".txt",),
        files="lightgbm's text",
        written_by="lightgbm's Booster.save_model",
    ),
    Format(
        name="catboost",
        reader="dsflow.serving.formats.catboost:CatBoostModel",
        package="catboost",
        extra="catboost",
        begins=lambda raw: raw[:4] == b"CBM1",
        endings=(".cbm",),
        files="catboost's binary",
        written_by="catboost's save_model",
        needs_frames=True,
    ),
    Format(
        name="onnx",
        reader="dsflow.serving.formats.onnx:OnnxModel",
        package="onnxruntime",
        extra="onnx",
        # field 1 of ModelProto, ir_version, a small number, is what every writer of ONNX begins with
        begins=lambda raw: len(raw) > 2 and raw[:1] == b"\x08" and 1 <= raw[1] < 64,
        endings=(".onnx",),
        files="ONNX",
        written_by="an export to ONNX",
    ),
)
"""The formats; the first whose ``begins`` holds is the one of a file."""

_WRITERS = [f"{each.written_by} ({', '.join(each.endings)})" for each in FORMATS]
HINT = f"write it with {', '.join(_WRITERS[:-1])} or {_WRITERS[-1]}"

_FRAMES = ("pandas", "sklearn", "pyarrow")

_PICKLES = (
    (b"\x80", "a Python pickle"),
    (b"\x1f\x8b", "a compressed file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ", "a compressed file"),
    (b"\x89HDF", "an HDF5 file"),
)


def load_model(name: str, raw: bytes) -> ModelFormat:
    """The model in a file's bytes, of whichever format it is.

    Args:
        name: the file's name, for messages.
        raw: the file's bytes.

    Raises:
        NotServableError: it is of no known format, its package is not installed, or the format refuses it.
    """
    return import_format(format_of(name, raw)).load(name, raw)


def import_format(format: Format) -> type[ModelFormat]:
    """The class of a format, which imports the library that reads it."""
    if format.needs_frames:
        for left_out in [name for name in _FRAMES if sys.modules.get(name, sys) is None]:
            del sys.modules[left_out]
    module, _, name = format.reader.partition(":")
    reader: type[ModelFormat] = getattr(importlib.import_module(module), name)
    return reader


def import_beforehand() -> None:
    """Import what every prediction server has, in a process that does nothing but serve or check models.

    xgboost and lightgbm import scikit-learn, pandas and pyarrow where those are installed, for what nobody asks here:
    2.4 seconds and 130 MB. Such a process does without them from now on.
    """
    for name in _FRAMES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: importing it is a ModuleNotFoundError
    for format in FORMATS:
        if format.extra == "serve":
            import_format(format)


def format_of(name: str, raw: bytes) -> Format:
    """The format of a file by its first bytes, without loading it.

    Raises:
        NotServableError: it is of no known format, or the package that reads it is not installed.
    """
    format = next((each for each in FORMATS if each.begins(raw)), None)
    if format is None:
        what = next((what for start, what in _PICKLES if raw.startswith(start)), None)
        if not raw:
            told = "it is empty"
        elif what is not None:
            told = f"it is {what}, which is never loaded"
        else:
            told = "it is neither " + ", nor ".join(each.files for each in FORMATS)
        raise NotServableError(f"{name} is not a model: {told}", hint=HINT)
    if importlib.util.find_spec(format.package) is None:
        raise NotServableError(
            f"{name} is a model of {format.name}, and the prediction server's Python has no {format.package}",
            hint=f"{install_command(format.extra)} there",
        )
    return format
