"""Commands that are servers: openmldb (the embedded one) and serve (the prediction server)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from dsflow.errors import ConfigError, MissingExtraError

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="F", help="A file with the token that requests must hold, or two of them."),
]
NoToken = Annotated[
    str | None,
    typer.Option("--no-token", metavar="WHY", help="Why other machines may ask without a token; it goes to the log."),
]
TlsCert = Annotated[Path | None, typer.Option("--tls-cert", metavar="F", help="The certificate, PEM: serve HTTPS.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="F", help="Its private key, PEM.")]


def openmldb(
    dir: Annotated[Path | None, typer.Option("--dir", metavar="D", help="The folder for its data.")] = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 takes a free one.")] = 9080,
    token_file: TokenFile = None,
    no_token: NoToken = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    print_worker_path: Annotated[
        bool,
        typer.Option("--print-worker-path", help="Print the folder to put on a worker's PYTHONPATH, and end."),
    ] = False,
) -> None:
    """Start the embedded OpenMLDB: its SQL and its APIServer's protocol, on DuckDB. For laptops, CI and tests.

    For a DolphinScheduler worker: with the folder that --print-worker-path prints on PYTHONPATH its `openmldb` module
    is the embedded one, and DSFLOW_EMBEDDED_OPENMLDB=http://host:port says which server it talks to. A token of
    --token-file or of the variable DSFLOW_OPENMLDB_TOKEN is then needed in the worker's DSFLOW_OPENMLDB_TOKEN too.
    """
    if print_worker_path:
        from dsflow.worker.environment import worker_path_folder

        print(worker_path_folder())
        return
    if dir is None:
        raise ConfigError("the embedded OpenMLDB needs a folder for its data", hint="give --dir D")
    _need("the embedded OpenMLDB", "local", "duckdb", "sqlglot", "starlette", "uvicorn")
    from dsflow.embedded.server import TOKEN_VARIABLE
    from dsflow.embedded.server import serve as serve_openmldb
    from dsflow.web.access import tokens_from
    from dsflow.web.tls import certificate

    tokens = tokens_from(token_file, TOKEN_VARIABLE)
    serve_openmldb(dir, host, port, tokens=tokens, no_token=no_token, tls=certificate(tls_cert, tls_key))


def serve(
    apiserver: Annotated[
        str, typer.Option("--apiserver", metavar="URL", help="OpenMLDB's APIServer; several of a cluster with commas.")
    ],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="P", min=0, max=65535, help="0 takes a free one.")] = 8881,
    model_dir: Annotated[
        Path | None,
        typer.Option(
            "--model-dir", metavar="D", help="Where the served model is kept, to serve it again after a restart."
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", min=1, help="Processes that answer; an update reaches all or none."),
    ] = 1,
) -> None:
    """Start the prediction server: POST /predict, POST /update, GET /schema, GET /health."""
    _need("the prediction server", "serve", "httptools", "msgspec", "numpy", "starlette", "uvicorn", "xgboost")
    from dsflow.serving import serve as serve_predictions

    serve_predictions(apiserver, host, port, model_dir, workers=workers)


def _need(feature: str, extra: str, *packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(feature, extra, package)
