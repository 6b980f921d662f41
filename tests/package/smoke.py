"""What an installed dsflow can do, with the packages of one extra and no others.

    python smoke.py EXTRA     # of the fresh environment, in an empty folder; "base" is no extra

`.ci/package` runs it in an environment into which the wheel was installed. It imports nothing of this repository.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

DSFLOW = Path(sys.executable).parent / "dsflow"


def dsflow(*arguments: str, code: int = 0) -> str:
    """What a command prints; it must end with this exit code."""
    done = subprocess.run([str(DSFLOW), *arguments], capture_output=True, text=True, timeout=300, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == code, f"dsflow {' '.join(arguments)} ended with {done.returncode}:\n{printed}"
    return printed


def project(template: str, pipeline: str) -> str:
    dsflow("init", "shop", "--template", template)
    return f"shop/pipelines/{pipeline}.py"


def base() -> None:
    pipeline = project("etl", "orders")
    assert "ok" in dsflow("validate", pipeline)
    assert "shop / orders" in dsflow("show", pipeline)
    assert json.loads(dsflow("render", pipeline))
    assert json.loads(dsflow("schema", "workflow"))["title"] == "A workflow of dsflow"
    dsflow("export", pipeline, "orders.json")
    dsflow("import", "orders.json", "-o", "again.py")
    assert "dsflow-openmldb[serve]" in dsflow("serve", "--apiserver", "http://127.0.0.1:1", code=1)
    importlib.import_module("pydolphinscheduler.java_gateway")


def local() -> None:
    pipeline = project("regression", "trips")
    dsflow("run", pipeline, "--local", "--report", "report.json")
    assert json.loads(Path("report.json").read_text(encoding="utf-8"))["state"] == "SUCCESS"


def serve() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [str(DSFLOW), "serve", "--apiserver", "http://127.0.0.1:1", "--port", str(port), "--model-dir", "models"]
    server = subprocess.Popen(command)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.1)
        raise AssertionError("the server does not answer")
    finally:
        server.terminate()
        server.wait(30)


def lightgbm() -> None:
    import lightgbm as library
    import numpy as np

    from dsflow.serving.formats import load_model

    rows = np.arange(40.0).reshape(20, 2)
    booster = library.train({"verbosity": -1, "min_data_in_leaf": 1}, library.Dataset(rows, rows[:, 0]), 2)
    load_model("model.txt", booster.model_to_string().encode())


def catboost() -> None:
    import catboost as library
    import numpy as np

    from dsflow.serving.formats import format_of, load_model

    rows = np.arange(40.0).reshape(20, 2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.cbm"
        settings = {"iterations": 2, "verbose": False, "allow_writing_files": False}
        library.CatBoost(settings).fit(rows, rows[:, 0]).save_model(str(file))
        raw = file.read_bytes()
    assert format_of("model.cbm", raw).name == "catboost"
    assert len(load_model("model.cbm", raw).predict(rows.astype(np.float32))) == len(rows)


def onnx() -> None:
    from dsflow.serving.formats import format_of

    assert format_of("model.onnx", b"\x08\x07\x12\x01x").name.lower() == "onnx"
    assert "CPUExecutionProvider" in importlib.import_module("onnxruntime").get_available_providers()


def png() -> None:
    dsflow("show", project("etl", "orders"), "-o", "orders.png")
    assert Path("orders.png").read_bytes().startswith(b"\x89PNG")


def report() -> None:
    from dsflow.display.plots import plots

    (importance,) = plots({"importance": {"hour": 3.0, "zone": 1.0}})
    assert "<svg" in importance.svg


def server() -> None:
    importlib.import_module("ruamel.yaml")
    os.environ["PATH"] = ""  # the Java of the extra, not the machine's
    os.environ.pop("JAVA_HOME", None)
    from dsflow.standalone.java import find_java

    print(find_java())


def openmldb() -> None:
    importlib.import_module("openmldb.sdk")
    assert importlib.import_module("sqlalchemy").__version__.startswith("1.4")


def docs() -> None:
    importlib.import_module("material")
    importlib.import_module("mkdocstrings")


SMOKE: dict[str, Callable[[], None]] = {
    "base": base,
    "local": local,
    "serve": serve,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "onnx": onnx,
    "png": png,
    "report": report,
    "server": server,
    "openmldb": openmldb,
    "docs": docs,
}


def main() -> None:
    """Run one extra's, and say where dsflow was found."""
    found = Path(str(importlib.import_module("dsflow").__file__))
    assert Path(sys.prefix) in found.parents, f"dsflow is {found}, not the installed one"
    SMOKE[sys.argv[1]]()
    print(f"smoke test of {sys.argv[1]}: ok on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
