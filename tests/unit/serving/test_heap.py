"""The garbage collector of a process that serves: a full collection must not look at all that was imported."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

from dsflow.serving import PredictionServer

from .fakes import FakeApiServer

SERVE = """
import atexit, gc, sys
from pathlib import Path
from dsflow.serving import serve

def tell():
    gc.collect()
    print("kept", gc.get_freeze_count(), "looked at", len(gc.get_objects()), 
          *(name for name in ("xgboost", "pandas", "sklearn") if sys.modules.get(name)), flush=True)

atexit.register(tell)
serve(sys.argv[1], "127.0.0.1", 0, Path(sys.argv[2]))
"""


def test_what_was_imported_is_not_looked_at_again(apiserver: FakeApiServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE, apiserver.url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("dsflow prediction server on ")
        os.kill(process.pid, signal.SIGTERM)
        told = process.stdout.read().split()
        assert process.wait(60) == 0
    kept, looked_at = int(told[1]), int(told[4])
    assert told[5:] == ["xgboost"]  # is among what is kept, without what it imports elsewhere
    assert kept > 50_000
    assert looked_at < kept / 10


def test_a_server_within_another_process_leaves_its_collector_alone(apiserver: FakeApiServer) -> None:
    before = gc.get_freeze_count(), gc.get_threshold()
    with PredictionServer(apiserver.url):
        assert (gc.get_freeze_count(), gc.get_threshold()) == before
