"""The formats of models, each one class in one file: XGBoost, LightGBM (extra), ONNX (extra). Never a pickle.

A pickle is a program: whoever may write the file would run code here. The formats below hold numbers alone, and even so
a file that nobody has checked is loaded in a child process first.
"""

from __future__ import annotations

import importlib.util

from dsflow._version import DISTRIBUTION
from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

__all__ = ["HINT", "ModelFormat", "Task", "import_format", "load_model", "refuse_unknown"]

HINT = (
    "write it with xgboost's Booster.save_model (.json, .ubj), lightgbm's Booster.save_model (.txt), or as ONNX (.onnx)"
)
_PACKAGES = {"lightgbm": "lightgbm", "onnx": "onnxruntime"}
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
    return import_format(refuse_unknown(name, raw)).load(name, raw)


def import_format(format: str) -> type[ModelFormat]:
    """The class of a format, which imports the library that reads it."""
    if format == "xgboost":
        from dsflow.serving.formats.xgboost import XGBoostModel

        return XGBoostModel
    if format == "lightgbm":
        from dsflow.serving.formats.lightgbm import LightGBMModel

        return LightGBMModel
    from dsflow.serving.formats.onnx import OnnxModel

    return OnnxModel


def refuse_unknown(name: str, raw: bytes) -> str:
    """The format of a file by its first bytes, without loading it.

    Raises:
        NotServableError: it is of no known format, or the package that reads it is not installed.
    """
    format = _format(raw)
    if format is None:
        what = next((what for start, what in _PICKLES if raw.startswith(start)), None)
        if not raw:
            told = "it is empty"
        elif what is not None:
            told = f"it is {what}, which is never loaded"
        else:
            told = "it is neither JSON nor UBJSON of xgboost, nor lightgbm's text, nor ONNX"
        raise NotServableError(f"{name} is not a model: {told}", hint=HINT)
    package = _PACKAGES.get(format)
    if package is not None and importlib.util.find_spec(package) is None:
        raise NotServableError(
            f"{name} is a model of {format}, and the prediction server's Python has no {package}",
            hint=f"pip install '{DISTRIBUTION}[{format}]' there",
        )
    return format


def _format(raw: bytes) -> str | None:
    # by the first bytes alone, so that no package is imported for a file that is not its own
    if raw[:1] == b"{":
        return "xgboost"
    if raw[:5] in (b"tree\n", b"tree\r"):
        return "lightgbm"
    # field 1 of ModelProto, ir_version, a small number, is what every writer of ONNX begins with
    if len(raw) > 2 and raw[:1] == b"\x08" and 1 <= raw[1] < 64:
        return "onnx"
    return None
