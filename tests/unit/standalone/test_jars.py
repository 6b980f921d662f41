"""The jars from a Maven repository: by HTTP, all or none, each compared with its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dsflow.standalone import jars
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import Jar, get_jars, locked, versions

from .conftest import Web, left_in


def say(line: str) -> None:
    """Nobody listens."""


@pytest.fixture
def wanted(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[Jar]:
    monkeypatch.setenv("DSFLOW_MAVEN_REPOSITORY", web.url + "/maven2/")
    found = []
    for number in range(12):
        data = f"jar {number}".encode()
        jar = Jar("org.example.some", f"part-{number}", "1.2", hashlib.sha256(data).hexdigest())
        web.files[f"/maven2/org/example/some/part-{number}/1.2/part-{number}-1.2.jar"] = data
        found.append(jar)
    return found


def test_they_are_got_once_in_their_order(web: Web, wanted: list[Jar]) -> None:
    files = get_jars(wanted, say)
    assert [file.read_bytes() for file in files] == [f"jar {n}".encode() for n in range(12)]
    assert len(web.asked) == 12
    assert get_jars(wanted, say) == files
    assert len(web.asked) == 12


def test_a_jar_that_was_changed_in_the_cache_is_got_again(web: Web, wanted: list[Jar]) -> None:
    files = get_jars(wanted, say)
    files[3].write_bytes(b"something else")
    assert get_jars(wanted, say)[3].read_bytes() == b"jar 3"
    assert len(web.asked) == 13


def test_one_that_is_missing_or_wrong_or_breaks_off_leaves_nothing(web: Web, wanted: list[Jar], cache: Path) -> None:
    path = "/maven2/org/example/some/part-7/1.2/part-7-1.2.jar"
    good = web.files.pop(path)
    with pytest.raises(StandaloneError, match=r"part-7-1\.2\.jar answers 404"):
        get_jars(wanted, say)
    web.files[path] = b"a jar from elsewhere"
    with pytest.raises(StandaloneError, match=r"org\.example\.some:part-7:1\.2 is not the jar that it was"):
        get_jars(wanted, say)
    web.files[path] = good
    web.cut.add(path)
    with pytest.raises(StandaloneError, match=r"part-7-1\.2\.jar cannot be got"):
        get_jars(wanted, say)
    assert left_in(cache) == []
    web.cut.clear()
    assert len(get_jars(wanted, say)) == 12


def test_neither_maven_nor_a_repository(wanted: list[Jar], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSFLOW_MAVEN_REPOSITORY")
    monkeypatch.setattr(jars.shutil, "which", lambda name: None)
    with pytest.raises(StandaloneError, match="neither Maven nor") as error:
        get_jars(wanted, say)
    assert "DSFLOW_MAVEN_REPOSITORY" in str(error.value)


def test_what_a_maven_says_that_fails(
    wanted: list[Jar], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] Could not transfer artifact'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.delenv("DSFLOW_MAVEN_REPOSITORY")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StandaloneError, match="Could not transfer artifact"):
        get_jars(wanted, say)
    assert left_in(cache) == []


def test_a_maven_that_brings_them(web: Web, wanted: list[Jar], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is asked for stands in a POM, each jar by its coordinates."""
    seen = tmp_path / "seen.xml"
    maven = tmp_path / "mvn"
    copy = "; ".join(f"printf 'jar {n}' > part-{n}-1.2.jar" for n in range(12))
    maven.write_text(f'#!/bin/sh\nfor a in "$@"; do case "$a" in *pom.xml) cp "$a" {seen};; esac; done\n{copy}\n')
    maven.chmod(0o755)
    monkeypatch.delenv("DSFLOW_MAVEN_REPOSITORY")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert get_jars(wanted, say)[11].read_bytes() == b"jar 11"
    items = list(ElementTree.parse(seen).iter("artifactItem"))
    assert [item.findtext("artifactId") for item in items] == [jar.artifact for jar in wanted]
    assert {item.findtext("groupId") for item in items} == {"org.example.some"}


def test_an_address_that_is_none(wanted: list[Jar], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSFLOW_MAVEN_REPOSITORY", "file:///repository")
    with pytest.raises(StandaloneError, match="DSFLOW_MAVEN_REPOSITORY is 'file:///repository'"):
        get_jars(wanted, say)


def test_a_cache_that_can_not_be_written(wanted: list[Jar], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DSFLOW_DOLPHINSCHEDULER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StandaloneError, match="cannot write to"):
        get_jars(wanted, say)


@pytest.mark.parametrize("name", [*versions(), "nashorn", "graaljs"])
def test_the_lists_name_each_jar_once(name: str) -> None:
    found = locked(name)
    assert len({jar.name for jar in found}) == len(found) > 0
    assert all(len(jar.sha256) == 64 for jar in found)


def test_nashorn_is_the_one_of_the_server() -> None:
    assert set(locked("nashorn")) <= set(locked("3.1.1"))
