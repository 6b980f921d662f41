"""The jars of a server from Maven Central: by Maven, or from a repository's URL; kept in the cache, and checked.

Beside this module, ``maven/NAME.lock`` holds coordinates and SHA-256 of each jar, in the order of the class path,
and ``maven/parents`` two parent POMs that were never published, without which Maven reads no POM below them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsflow.standalone.download import download
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.guarded import Guarded
from dsflow.standalone.places import MAVEN_VARIABLE, address, cache_folder, exclusive

DATA = Path(__file__).parent / "maven"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
DOWNLOADS = 8  # at once

Say = Callable[[str], None]


@dataclass(frozen=True)
class Jar:
    """A jar of a Maven repository."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its path below the address of a repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


def versions() -> tuple[str, ...]:
    """The versions of DolphinScheduler that Maven Central has as a whole, oldest first."""
    return tuple(sorted(path.stem for path in DATA.glob("[0-9]*.lock")))


def locked(name: str) -> list[Jar]:
    """The jars of a list, which a version names, in the order of the class path."""
    lines = (DATA / f"{name}.lock").read_text(encoding="utf-8").splitlines()
    jars = []
    for line in lines:
        if line and not line.startswith("#"):
            coordinates, digest = line.split()
            group, artifact, number = coordinates.split(":")
            jars.append(Jar(group, artifact, number, digest))
    return jars


def get_jars(wanted: Sequence[Jar], say: Say) -> list[Path]:
    """The files of these jars, from the cache; those that it lacks are got, all or none.

    Raises:
        StandaloneError: they cannot be got, or what came is not what was to come.
    """
    folder = cache_folder() / "jars"
    with exclusive(folder.parent / "jars.lock"):
        missing = [jar for jar in wanted if _sha256(folder / jar.name) != jar.sha256]
        if missing:
            _fetch(missing, folder, say)
    return [folder / jar.name for jar in wanted]


def _fetch(missing: Sequence[Jar], folder: Path, say: Say) -> None:
    repository = address(MAVEN_VARIABLE)
    maven = shutil.which("mvn")
    if repository is None and maven is None:
        raise StandaloneError(
            "neither Maven nor the address of a Maven repository is here to get the jars",
            hint=f"install Maven (the command mvn), or set {MAVEN_VARIABLE} to the URL of a repository",
        )
    say(f"getting {len(missing)} jars from {repository or 'Maven Central'}, once")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(".jars-*"):  # of a fetch whose machine went down
            shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".jars-"))
        if repository is not None:
            with Guarded(remove=[place]):
                _by_http(repository, missing, place)
                _take_over(missing, place, folder)
        else:
            _by_maven(str(maven), missing, place, folder)
    except OSError as error:
        raise StandaloneError(f"cannot keep the jars in {folder}: {error.strerror}") from error


def _take_over(jars: Sequence[Jar], place: Path, folder: Path) -> None:
    for jar in jars:
        if _sha256(place / jar.name) != jar.sha256:
            raise StandaloneError(
                f"{jar.group}:{jar.artifact}:{jar.version} is not the jar that it was: its SHA-256 differs",
                hint="is the repository a faithful copy of Maven Central?",
            )
    for jar in jars:
        os.replace(place / jar.name, folder / jar.name)


def _by_http(repository: str, jars: Sequence[Jar], place: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        waiting = [pool.submit(download, f"{repository}/{jar.path}", place / jar.name) for jar in jars]
        try:
            for one in waiting:
                one.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _by_maven(maven: str, jars: Sequence[Jar], place: Path, folder: Path) -> None:
    pom, log = place / "pom.xml", place / "maven.log"
    pom.write_bytes(_pom(jars, place))
    command = [maven, "-B", "-q", "-f", str(pom), f"{PLUGIN}:copy"]
    with Guarded(command, folder=place, output=log, remove=[place]) as running:
        if running.wait():
            text = log.read_text(encoding="utf-8", errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            raise StandaloneError("Maven could not get the jars:\n  " + "\n  ".join(lines[-8:]))
        _take_over(jars, place, folder)


def _pom(jars: Sequence[Jar], place: Path) -> bytes:
    """A project whose one goal copies the jars to a folder."""
    from xml.etree import ElementTree as Xml

    def add(parent: Xml.Element, name: str, text: str | None = None) -> Xml.Element:
        child = Xml.SubElement(parent, name)
        child.text = text
        return child

    project = Xml.Element("project")
    names = ("modelVersion", "groupId", "artifactId", "version", "packaging")
    for name, text in zip(names, ("4.0.0", "dsflow", "jars", "1", "pom"), strict=True):
        add(project, name, text)
    repository = add(add(project, "repositories"), "repository")
    add(repository, "id", "parents")
    add(repository, "url", (DATA / "parents").as_uri())
    plugin = add(add(add(project, "build"), "plugins"), "plugin")
    for name, text in zip(("groupId", "artifactId", "version"), PLUGIN.split(":"), strict=True):
        add(plugin, name, text)
    configuration = add(plugin, "configuration")
    add(configuration, "outputDirectory", str(place))
    items = add(configuration, "artifactItems")
    for jar in jars:
        item = add(items, "artifactItem")
        add(item, "groupId", jar.group)
        add(item, "artifactId", jar.artifact)
        add(item, "version", jar.version)
    return bytes(Xml.tostring(project, encoding="utf-8", xml_declaration=True))


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
            return digest.hexdigest()
    except FileNotFoundError:
        return None


def all_cached(wanted: Sequence[Jar]) -> bool:
    """Whether the cache has a file for each of these jars."""
    folder = cache_folder() / "jars"
    return all((folder / jar.name).is_file() for jar in wanted)
