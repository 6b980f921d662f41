"""The version of this package, what pip calls it, and how its extras are installed."""

from typing import Literal

VERSION = "0.1.0"
DISTRIBUTION = "dsflow-openmldb"  # the package index has another project called dsflow

Extra = Literal["catboost", "lightgbm", "local", "onnx", "png", "report", "serve", "server"]
"""The extras that a command can need, as pyproject.toml names them."""


def install_command(extra: Extra) -> str:
    """The command that brings what a feature needs."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
