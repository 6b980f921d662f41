"""What the benchmarks of the prediction server share: models, the stand-in for OpenMLDB's APIServer, and processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

DATABASE = "demo_db"
ROW = {
    "ip": 114904,
    "app": 11,
    "device": 1,
    "os": 15,
    "channel": 319,
    "click_time": 1509960088000,
    "is_attributed": 0,
}
"""A request row of the demo's table."""

FEATURES = {
    "app": 11,
    "device": 1,
    "os": 15,
    "channel": 319,
    "hour": 17,
    "day": 6,
    "qty": 3,
    "ip_app_count": 2,
    "ip_app_os_count": 1,
}
"""What the stand-in answers for it; the deployment `other` answers a channel 1000 higher."""

DEPLOYMENTS = {"demo": 0, "other": 1000}
"""Deployments of the stand-in, and what they add to the channel."""

REQUEST = json.dumps(ROW, separators=(",", ":")).encode()


def compact(value: object) -> str:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))


def models(folder: Path) -> dict[str, Path]:
    """A model for each deployment: binary:logistic, 100 trees of depth 5, nine features."""
    made: dict[str, Path] = {}
    for seed, name in enumerate(DEPLOYMENTS, 1):
        rng = np.random.default_rng(seed)
        rows = rng.integers(0, 400, size=(20_000, len(FEATURES))).astype(np.float32)
        label = (rows[:, seed] + rng.normal(size=len(rows)) * 40 > 200).astype(int)
        matrix = xgboost.DMatrix(rows, label, feature_names=list(FEATURES))
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 5, "nthread": 1, "seed": seed}, matrix, 100
        )
        made[name] = folder / f"{name}.json"
        booster.save_model(made[name])
    return made


def build_standin(folder: Path) -> Path:
    """The stand-in, compiled.

    Raises:
        SystemExit: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("the benchmark needs a C compiler (cc): its APIServer is a small C program")
    program = folder / "standin"
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).parent / "standin.c"], check=True)
    lines = ["\t".join(("POST", "/refresh", compact({"code": 0, "msg": "ok"}), "", ""))]
    for name, shift in DEPLOYMENTS.items():
        place = f"/dbs/{DATABASE}/deployments/{name}"
        kinds = {"click_time": "timestamp", "qty": "int64", "ip_app_count": "int64", "ip_app_os_count": "int64"}
        schemas = {
            key: [{"name": column, "type": kinds.get(column, "int32")} for column in columns]
            for key, columns in {"input_schema": [*ROW], "output_schema": ["is_attributed", *FEATURES]}.items()
        }
        about = compact({"code": 0, "msg": "ok", "data": {"name": name} | schemas})
        row = compact({"is_attributed": 0} | FEATURES | {"channel": FEATURES["channel"] + shift})
        lines.append("\t".join(("GET", place, about, "", "")))
        lines.append("\t".join(("POST", place, '{"code":0,"msg":"ok","data":{"data":[', row, "]}}")))
    (folder / "answers.tsv").write_text("\n".join(lines) + "\n")
    return program


class Process:
    """A server of the benchmark, with what the system says about it."""

    def __init__(self, popen: subprocess.Popen[str], url: str, seconds: float) -> None:
        self.popen, self.url, self.seconds = popen, url, seconds

    @property
    def pids(self) -> list[int]:
        """The process and its children."""
        found = [self.popen.pid]
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(place.read_text().rsplit(")", 1)[1].split()[1]) == self.popen.pid:
                    found.append(int(place.parent.name))
        return found

    def cpu_seconds(self) -> float:
        """Processor time of the process and its children so far."""
        ticks = 0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                values = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Memory of the process or of a child, whichever has most, that no other process shares (MB)."""
        sizes = []
        for pid in self.pids:
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                sizes.append(sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")))
        return max(sizes, default=0) / 1024


@contextlib.contextmanager
def running(command: Sequence[str | Path], *, env: dict[str, str] | None = None) -> Iterator[Process]:
    """A server that prints its port, or its URL, on its first line."""
    begun = time.perf_counter()
    popen = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=sys.stderr if os.environ.get("BENCHMARK_LOGS") else subprocess.DEVNULL,
        text=True,
        env=os.environ | (env or {}),
    )
    try:
        assert popen.stdout is not None
        line = popen.stdout.readline()
        words = [word.rstrip(",") for word in line.split()]
        url = next((w for w in words if w.startswith("http://")), f"http://127.0.0.1:{line.strip()}")
        if not line:
            raise SystemExit(f"{command[0]} did not start; BENCHMARK_LOGS=1 shows what it says")
        yield Process(popen, url, time.perf_counter() - begun)
    finally:
        popen.send_signal(signal.SIGTERM)
        try:
            popen.wait(20)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def standin(program: Path, delay_ms: float, port: int = 0) -> contextlib.AbstractContextManager[Process]:
    """The stand-in, running; it answers after a delay."""
    return running([program, str(port), str(round(delay_ms * 1000)), program.parent / "answers.tsv"])


def dsflow_serve(
    apiserver: str, workers: int = 1, model_dir: Path | None = None
) -> contextlib.AbstractContextManager[Process]:
    """``dsflow serve``, running."""
    command = [sys.executable, "-m", "dsflow", "serve", "--apiserver", apiserver, "--port", "0", "--models", "/"]
    command += ["--workers", str(workers)] if workers > 1 else []
    return running(command + (["--model-dir", str(model_dir)] if model_dir else []))


def post(url: str, value: Any) -> Any:
    """The JSON that answers a JSON body.

    Raises:
        SystemExit: the answer is an error.
    """
    request = urllib.request.Request(url, json.dumps(value).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"POST {url}: HTTP {error.code}: {error.read().decode()}") from error


def update(url: str, deployment: str, model: Path) -> Any:
    """Have the prediction server serve a pair."""
    return post(f"{url}/update", {"database": DATABASE, "deployment": deployment, "model_path": str(model)})
