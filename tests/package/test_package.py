"""What is shipped: the files of the wheel and the sdist, and the commands that tell how to install the rest."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

from dsflow._version import DISTRIBUTION, VERSION, Extra, install_command
from dsflow.serving.formats import FORMATS
from tests.package.smoke import SMOKE

ROOT = Path(__file__).parents[2]
TEXTS = ("*.md", "*.py", "*.txt", "*.yml", "*.yaml", "*.ipynb", "Dockerfile")
# an extra that people install to work on the project, or to measure: no smoke test of its own
FOR_DEVELOPERS = {"dev", "benchmarks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(wheel.read(f"dsflow_openmldb-{VERSION}.dist-info/METADATA"))


def files(folder: Path) -> set[str]:
    """The files below a folder that are kept, by their path from the project's."""
    return {
        str(path.relative_to(ROOT)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    about = f"dsflow_openmldb-{VERSION}.dist-info/"
    shipped = {name for name in wheel.namelist() if not name.startswith(about)}
    assert shipped == files(ROOT / "dsflow")
    assert {"dsflow/py.typed", "dsflow/serving/page/docs.html", "dsflow/standalone/maven/3.1.1.lock"} <= shipped
    assert {f"{about}licenses/LICENSE", f"{about}licenses/NOTICE"} <= set(wheel.namelist())


def test_the_sdist_holds_what_the_tests_need_and_no_caches(tmp_path: Path) -> None:
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "NOTICE", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py", "dsflow/py.typed"} <= names
    assert not [
        name for name in names if re.search(r"__pycache__|\.(venv|git|dsflow|pytest_cache)/|^(build|dist)/", name)
    ]


def test_the_metadata_tell_what_it_is(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == (DISTRIBUTION, VERSION)
    assert metadata["License-Expression"] == "Apache-2.0"
    classifiers = metadata.get_all("Classifier") or []
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)} <= set(classifiers)


def test_every_dependency_has_a_lowest_version(metadata: Message) -> None:
    asked = [Requirement(text) for text in metadata.get_all("Requires-Dist") or []]
    needed = [one for one in asked if "extra == 'dev'" not in str(one.marker).replace('"', "'")]
    assert len(needed) > 20
    assert [str(one) for one in needed if not {part.operator for part in one.specifier} & {">=", "=="}] == []


def test_every_extra_is_tried_in_a_fresh_environment(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra") or [])
    assert set(SMOKE) - {"base"} == extras - FOR_DEVELOPERS


@pytest.mark.parametrize("extra", get_args(Extra))
def test_a_hint_names_an_extra_that_exists(extra: Any, metadata: Message) -> None:
    assert extra in (metadata.get_all("Provides-Extra") or [])
    assert install_command(extra) == f"pip install 'dsflow-openmldb[{extra}]'"


def test_a_format_of_models_comes_with_an_extra_that_has_its_package(metadata: Message) -> None:
    asked = [Requirement(text) for text in metadata.get_all("Requires-Dist") or []]
    for format in FORMATS:
        names = {
            one.name.removesuffix("-cpu") for one in asked if one.marker and f'"{format.extra}"' in str(one.marker)
        }
        assert format.package in names


@cache
def texts() -> dict[str, str]:
    """What users read: the files of Git with text in them, but for the tests."""
    folders = ("dsflow", "docs", "docker", "examples", "benchmarks", "pipelines", ".ci", ".github")
    found = [path for folder in folders for kind in TEXTS for path in (ROOT / folder).rglob(kind)]
    found += [*ROOT.glob("*.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def test_what_is_written_of_extras_is_true(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra") or [])
    named = [
        (name, extra.strip())
        for name, text in texts().items()
        for listed in re.findall(r"(?:dsflow-openmldb|pip install [^\n]*['\"]?\.)\[([a-z, ]+)\]", text)
        for extra in listed.split(",")
    ]
    assert len(named) > 8
    assert [(name, extra) for name, extra in named if extra not in extras] == []


def test_no_text_installs_the_other_project(metadata: Message) -> None:
    wrong = re.compile(r"(?:pip|uv|pipx)3? (?:install|add|run)[^\n`#]*[ '\"]dsflow(?=[ \['\"`=<>]|$)", re.MULTILINE)
    assert wrong.search("pip install dsflow") is not None
    assert {name: wrong.findall(text) for name, text in texts().items() if wrong.search(text)} == {}
