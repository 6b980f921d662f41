"""The notebook in examples/ runs from its first cell to its last, in a kernel of its own, and is shipped so."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import nbformat
import pytest

nbclient = pytest.importorskip("nbclient", reason="needs the extra dev: pip install -e '.[dev]'")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import run_notebook  # noqa: E402


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with its outputs, run in a copy of the project's folders so that it leaves nothing behind."""
    return run_notebook.run(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def stored() -> Any:
    return nbformat.read(ROOT / run_notebook.NOTEBOOK, as_version=4)


def outputs(notebook: Any, source: str) -> list[Any]:
    """The outputs of the one cell whose source holds a text."""
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and source in c.source]
    return list(cell.outputs)


def result(notebook: Any, source: str, kind: str) -> Any:
    """What a cell's last line gives, in one of its forms."""
    (data,) = [o.data for o in outputs(notebook, source) if o.output_type == "execute_result"]
    return data[kind]


def value(notebook: Any, source: str) -> Any:
    return eval(result(notebook, source, "text/plain"), {"__builtins__": {}})


def drawn(svg: str) -> set[str]:
    return {
        " ".join("".join(e.itertext()).split()) for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    }


def picture(html: str) -> set[str]:
    """What is written in the image of a display."""
    (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return drawn(base64.b64decode(data).decode())


def test_no_cell_fails(notebook: Any) -> None:
    assert not [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]


def test_it_is_shipped_with_its_outputs(notebook: Any, stored: Any) -> None:
    """Whoever changes it runs ``python tools/run_notebook.py``."""
    nbformat.validate(stored)
    assert [c.source for c in stored.cells] == [c.source for c in notebook.cells]
    code = [c for c in stored.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))

    def forms(notebook: Any) -> list[list[tuple[str, list[str]]]]:
        code = (c for c in notebook.cells if c.cell_type == "code")
        return [[(o.output_type, sorted(o.get("data", ()))) for o in c.outputs] for c in code]

    assert forms(stored) == forms(notebook)
    assert value(stored, "report.state")[0] == "SUCCESS"
    text = nbformat.writes(stored).replace('"/tmp/talkingdata', "")
    text += "".join(
        base64.b64decode(image).decode() for image in re.findall(r"svg\+xml;base64,([A-Za-z0-9+/=]+)", text)
    )
    assert not re.search(r"/tmp/|/home/|/root/", text)  # no path of the machine that it ran on


def test_the_workflow_is_drawn(notebook: Any) -> None:
    texts = drawn(result(notebook, "with wf:", "image/svg+xml"))
    assert {"train", "PYTHON", "validate", "SWITCH", "auc >= min_auc", "otherwise", "reject model"} <= texts


def test_a_cell_of_sql_is_explained(notebook: Any) -> None:
    for form in ("text/html", "text/plain"):
        shown = result(notebook, "%%openmldb", form)
        for said in ("clicks_of_ip_and_app", "bigint", "by_app", "1d PRECEDING", "app, ip"):
            assert said in shown


def test_features_are_previewed(notebook: Any) -> None:
    assert result(notebook, "features.preview", "text/html").count("<tr") == 6
    assert "clicks_of_ip" in result(notebook, "features.preview", "text/plain")


def test_what_validating_found_is_shown(notebook: Any) -> None:
    assert "fraud-detection/talkingdata-notebook" in result(notebook, "wf.validate()", "text/html")
    said = "".join(o.text for o in outputs(notebook, "except DsflowError") if o.output_type == "stream")
    assert "parameter 'min_auc' is of type float; 'high' is not" in said


def test_the_run_is_one_picture_and_no_lines(notebook: Any) -> None:
    (shown,) = outputs(notebook, "wf.run_local()")
    texts = picture(shown.data["text/html"])
    assert any(text.startswith("PYTHON ✓ ") for text in texts)
    assert "SHELL ↷ skipped" in texts


def test_the_model_is_good_enough_to_be_served(notebook: Any) -> None:
    state, trained = value(notebook, "report.state")
    assert state == "SUCCESS"
    assert 0.7 <= trained["auc"] <= 1.0
    assert trained["model_path"].endswith(".json")


def test_the_prediction_is_of_the_features_of_the_query(notebook: Any) -> None:
    prediction = value(notebook, "report.prediction")
    features = prediction["answer"]["features"]
    assert 0.0 <= prediction["answer"]["prediction"] <= 1.0
    assert set(features) == {"app", "device", "os", "channel", "hour", "day", "clicks_of_ip", "clicks_of_ip_and_app"}
    for column in ("app", "device", "os", "channel"):
        assert features[column] == prediction["request"][column]
    assert features["clicks_of_ip"] >= 1


INTERRUPTED = """
from pathlib import Path
from dsflow import OpenMLDB, Shell, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB("make", "CREATE DATABASE IF NOT EXISTS d", mode="online") >> Shell("wait", "echo $$ > {pid}; sleep 600")
report = wf.run_local(state=Path({state!r}))
report.state
"""


def test_an_interrupted_cell_leaves_nothing_behind(tmp_path: Path) -> None:
    pid, state = tmp_path / "pid", tmp_path / "state"
    source = INTERRUPTED.replace("{pid}", str(pid)).replace("{state!r}", repr(str(state)))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell(AFTER)])
    notebook.cells[1].source = AFTER.replace("{state!r}", repr(str(state)))
    script = tmp_path / "run.py"
    script.write_text(RUNNER, encoding="utf-8")
    nbformat.write(notebook, tmp_path / "n.ipynb")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "n.ipynb"), str(pid)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    first, second = nbformat.read(tmp_path / "n.ipynb", as_version=4).cells
    (said,) = [o.data["text/plain"] for o in first.outputs if o.output_type == "execute_result"]
    assert said == "'STOPPED'"
    (left,) = [o.data["text/plain"] for o in second.outputs if o.output_type == "execute_result"]
    assert left == "([], True)"  # no thread that serves, and the state's lock is free
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


AFTER = """
import threading
from dsflow.local.held import held
with held(Path({state!r})):
    free = True
[t.name for t in threading.enumerate() if "uvicorn" in t.name or t.name.startswith("task")], free
"""

RUNNER = """
import os, signal, sys, threading, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, timeout=200, kernel_name="python3")

def send():
    while not Path(sys.argv[2]).exists() or not Path(sys.argv[2]).read_text().strip():
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(client.km.provisioner.pid, signal.SIGINT)

threading.Thread(target=send, daemon=True).start()
client.execute()
nbformat.write(notebook, sys.argv[1])
"""
