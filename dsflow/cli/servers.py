"""Commands that are servers: openmldb (the embedded one) and serve (the prediction server)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from dsflow._version import Extra
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
    _need("the embedded OpenMLDB", "local", "duckdb", "httptools", "sqlglot", "starlette", "uvicorn")
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
    models: Annotated[
        list[Path] | None,
        typer.Option("--models", metavar="D", help="A directory below which models may lie; may be given repeatedly."),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="NAME", help="A further service, at /predict/NAME; may be given repeatedly."),
    ] = None,
    update_token_file: Annotated[
        Path | None,
        typer.Option("--update-token-file", metavar="F", help="A file with the token of /update, or two of them."),
    ] = None,
    predict_token_file: Annotated[
        Path | None,
        typer.Option("--predict-token-file", metavar="F", help="A file with the token of /predict, or two of them."),
    ] = None,
    no_token: NoToken = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name that a proxy on this machine passes on as Host."),
    ] = None,
    max_connections: Annotated[int, typer.Option("--max-connections", metavar="N", min=1)] = 1000,
    request_seconds: Annotated[
        float, typer.Option("--request-seconds", metavar="S", min=0.1, help="In which a request must have arrived.")
    ] = 30.0,
    log: Annotated[
        str, typer.Option("--log", metavar="FORM", help="json, text, or auto: text on a terminal.")
    ] = "auto",
    access_log: Annotated[bool, typer.Option("--access-log", help="A line of the log for each request.")] = False,
) -> None:
    """Start the prediction server: POST /predict, POST /update, GET /schema, GET /health, GET /metrics, GET /docs.

    Tokens may stand in DSFLOW_SERVE_UPDATE_TOKEN and DSFLOW_SERVE_PREDICT_TOKEN instead of files.
    """
    packages = ("httptools", "msgspec", "numpy", "prometheus_client", "starlette", "uvicorn", "xgboost")
    _need("the prediction server", "serve", *packages)
    from dsflow.serving import Options
    from dsflow.serving import serve as serve_predictions
    from dsflow.web.limits import Limits

    options = Options(
        models=tuple(models or ()),
        services=tuple(service or ()),
        update_token_file=update_token_file,
        predict_token_file=predict_token_file,
        no_token=no_token,
        tls_cert=tls_cert,
        tls_key=tls_key,
        hosts=tuple(allow_host or ()),
        limits=Limits(connections=max_connections, request_seconds=request_seconds),
        log=log,
        access_log=access_log,
    )
    serve_predictions(apiserver, host, port, model_dir, options, workers=workers)


def _need(feature: str, extra: Extra, *packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(feature, extra, package)
