"""The class path of a server: as long as its jars make it, and from folders of any name."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from dsflow.standalone import server
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.java import Java, find_java
from dsflow.standalone.model import Source, Start

WORD = 128 * 1024  # what Linux allows for one word of a command


@pytest.fixture(scope="module")
def java() -> Java:
    try:
        return find_java()
    except StandaloneError as error:
        pytest.skip(f"{error}")


@pytest.mark.parametrize("folder", ["plain", 'a "b" c', "back\\slash", "# no comment"])
def test_java_gets_all_jars_of_a_class_path_that_no_command_could_hold(tmp_path: Path, java: Java, folder: str) -> None:
    place = tmp_path / folder
    jars = tuple(place / "libs" / f"{'long-' * 20}{number}.jar" for number in range(1200))
    jars[0].parent.mkdir(parents=True)
    with zipfile.ZipFile(jars[-1], "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    (tmp_path / "work" / "conf").mkdir(parents=True)
    command = server._command(Source("3.2.2", jars), Start(tmp_path / "work", python="python"), java)
    assert sum(len(str(path)) for path in jars) > WORD > max(map(len, command))
    # what Java made of it, without a server
    shown = subprocess.run(
        [*command[:-1], "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=True
    ).stderr
    listed = [line.split("=", 1)[-1].strip() for line in shown.partition("java.class.path")[2].splitlines()]
    assert [path for path in listed if path.endswith(".jar")][: len(jars)] == [str(path) for path in jars]
