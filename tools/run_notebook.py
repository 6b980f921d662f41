"""Run the example notebook and keep its outputs: ``python tools/run_notebook.py``.

It runs in a copy of the folders that it needs, so that nothing is left beside it; what differs from run to run and from
machine to machine (times, paths, ports) is made equal in the outputs that are kept.
"""

from __future__ import annotations

import base64
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = Path("examples") / "talkingdata.ipynb"


def run(folder: Path) -> Any:
    """The notebook with its outputs.

    Args:
        folder: an empty folder, to which the example and the pipeline are copied.
    """
    for name in ("examples", "pipelines"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".dsflow", "__pycache__"))
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(folder / "examples")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    return notebook


def kept(notebook: Any, folder: Path) -> Any:
    """The notebook as it is stored."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            for kind, text in output.get("data", {}).items():
                if isinstance(text, str):
                    output["data"][kind] = _equal(text, folder)
            if "text" in output:
                output["text"] = _equal(output["text"], folder)
    notebook.metadata.pop("language_info", None)
    return notebook


_IMAGE = re.compile(r"(?<=data:image/svg\+xml;base64,)[A-Za-z0-9+/=]+")


def _equal(text: str, folder: Path) -> str:
    def redrawn(image: re.Match[str]) -> str:  # a drawing has paths in its tooltips
        return base64.b64encode(_equal(base64.b64decode(image[0]).decode(), folder).encode()).decode()

    text = _IMAGE.sub(redrawn, text)
    text = text.replace(str(folder), "/project").replace(sys.prefix, "/venv")
    return re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:8881", text)


def main() -> None:
    """Run it, and write it back."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nbformat.write(kept(run(folder), folder), ROOT / NOTEBOOK)


if __name__ == "__main__":
    main()
