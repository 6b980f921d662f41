"""The notebook in examples/ runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import nbformat
import pytest

nbclient = pytest.importorskip("nbclient", reason="needs the extra dev: pip install -e '.[dev]'")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook with its outputs, run in a copy of the project's folders so that it leaves nothing behind."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("examples", "pipelines"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".dsflow", "__pycache__"))
    notebook = nbformat.read(folder / "examples" / "talkingdata.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder / "examples")}}
    )
    client.execute()
    return notebook


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


def test_no_cell_fails(notebook: Any) -> None:
    assert not [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]


def test_the_notebook_is_stored_without_outputs() -> None:
    stored = nbformat.read(ROOT / "examples" / "talkingdata.ipynb", as_version=4)
    nbformat.validate(stored)
    assert not [c for c in stored.cells if c.cell_type == "code" and (c.outputs or c.execution_count)]


def test_the_workflow_is_drawn(notebook: Any) -> None:
    texts = drawn(result(notebook, "with wf:", "image/svg+xml"))
    assert {"train", "PYTHON", "validate", "SWITCH", "auc >= min_auc", "otherwise", "reject model"} <= texts


def test_a_wrong_value_is_told(notebook: Any) -> None:
    said = "".join(o.text for o in outputs(notebook, "except DsflowError") if o.output_type == "stream")
    assert "parameter 'min_auc' is of type float; 'high' is not" in said


def test_the_run_succeeds_and_is_drawn(notebook: Any) -> None:
    assert value(notebook, "wf.run_local()") == "SUCCESS"
    texts = drawn(result(notebook, "workflow_svg(definition, report)", "image/svg+xml"))
    assert any(text.startswith("PYTHON ✓ ") for text in texts)
    assert "SHELL ↷ skipped" in texts


def test_the_model_is_good_enough_to_be_served(notebook: Any) -> None:
    trained = value(notebook, 'report.task("train").outputs')
    assert 0.7 <= trained["auc"] <= 1.0
    assert trained["model_path"].endswith(".json")


def test_the_prediction_is_of_the_features_of_the_query(notebook: Any) -> None:
    prediction = value(notebook, "report.prediction")
    features = value(notebook, "features = FeatureView")
    assert 0.0 <= prediction["answer"]["prediction"] <= 1.0
    assert set(prediction["answer"]["features"]) == set(features)
    for column in ("app", "device", "os", "channel"):
        assert prediction["answer"]["features"][column] == prediction["request"][column]
    assert prediction["answer"]["features"]["clicks_of_ip"] >= 1
