"""The prediction server: a deployment's features and a model's prediction for them, as one HTTP service.

It needs the packages of the extra ``serve``; the first use of a name without them is a clear error. Names are looked up
when they are used, so that the child process that checks a model need not import a web server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dsflow.errors import MissingExtraError

if TYPE_CHECKING:
    from dsflow.serving.app import create_app
    from dsflow.serving.beside import ServerBeside
    from dsflow.serving.options import Options
    from dsflow.serving.server import PredictionServer, serve

__all__ = ["Options", "PredictionServer", "ServerBeside", "create_app", "serve"]

_PACKAGES = ("httptools", "msgspec", "numpy", "prometheus_client", "starlette", "uvicorn", "uvloop", "xgboost")


_MODULES = {"Options": "options", "ServerBeside": "beside", "create_app": "app"}
"""Where a name is; the others are in ``server``."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"dsflow.serving.{_MODULES.get(name, 'server')}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _PACKAGES:
            raise MissingExtraError("the prediction server", "serve", package) from error
        raise
    return getattr(module, name)
