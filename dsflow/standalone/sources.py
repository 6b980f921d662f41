"""Where a server comes from: Maven Central, or an Apache release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.jars import get_jars, locked, versions
from dsflow.standalone.java import Java
from dsflow.standalone.model import Source
from dsflow.standalone.releases import from_release, from_version

DEFAULT = "3.1.1"
NASHORN, GRAALJS = "nashorn", "graaljs"  # lists of jars
NASHORN_JAR = "nashorn-core-"

Say = Callable[[str], None]


def get_source(version: str | None, release: Path | None, say: Say) -> Source:
    """The server that is meant; what is not here is got, and kept in the cache.

    Args:
        version: such as 3.2.2.
        release: an archive or an unpacked folder; its version must be ``version`` where both are given.

    Raises:
        StandaloneError: it cannot be had.
    """
    if release is not None:
        source = from_release(release, say)
        if version is not None and version != source.version:
            raise StandaloneError(f"{release} is DolphinScheduler {source.version}, not {version}")
        return source
    version = version or DEFAULT
    if version in versions():
        return Source(version, tuple(get_jars(locked(version), say)))
    return from_version(version, say)


def with_javascript(source: Source, java: Java, say: Say) -> Source:
    """The same server with a JavaScript engine that runs on this Java, which SWITCH tasks need, where Java has none."""
    if java.has_javascript:
        return source
    others = tuple(jar for jar in source.class_path if not jar.name.startswith(NASHORN_JAR))
    if java.has_dynalink and others != source.class_path:
        return source  # it has Nashorn already
    try:
        jars = get_jars(locked(NASHORN if java.has_dynalink else GRAALJS), say)
    except StandaloneError as error:
        say(f"this Java {java.version} has no JavaScript engine, so that SWITCH tasks will fail: {error}")
        return source
    names = {jar.name for jar in others}
    return replace(source, class_path=(*others, *(jar for jar in jars if jar.name not in names)))
