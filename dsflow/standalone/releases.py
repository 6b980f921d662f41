"""Apache's binary releases: an archive or its unpacked folder, or a version that is downloaded and checked.

Of an archive what a standalone server needs is unpacked into the cache, under the version and the beginning of the
archive's SHA-512; the archive that was downloaded is not kept.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dsflow.placeholders import SERIES
from dsflow.standalone.download import download, read
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.guarded import Guarded
from dsflow.standalone.model import Source, series
from dsflow.standalone.places import RELEASES_VARIABLE, address, cache_folder, exclusive

OLDEST = (3, 1, 1)  # below it the names of the gateway are others again
STANDALONE = "standalone-server"
OLD = 86400.0  # seconds: nothing that is unpacked takes that long
# whose jars its start script puts after its own, where a file of that name is not there yet
OTHERS = ("alert-server", "api-server", "master-server", "worker-server")

Say = Callable[[str], None]

_VERSION = re.compile(r"^\d+\.\d+\.\d+$")
_SERVER_JAR = re.compile(r"^dolphinscheduler-standalone-server-(\d+\.\d+\.\d+\S*)\.jar$")
_SHA512 = re.compile(r"[0-9a-f]{128}")


def from_release(path: Path, say: Say) -> Source:
    """A server from an archive ``apache-dolphinscheduler-X-bin.tar.gz``, or from its unpacked folder.

    Raises:
        StandaloneError: it is none, or of a series that dsflow does not know, or it cannot be unpacked.
    """
    if path.is_dir():
        return _source(path, path)
    if not path.is_file():
        raise StandaloneError(f"there is no release {path}")
    return _source(_unpacked(path, _sha512(path), say), path)


def from_version(version: str, say: Say) -> Source:
    """A server from a release that is downloaded, unless the cache has it.

    Raises:
        StandaloneError: the setting that says from where is missing, it cannot be downloaded, or its SHA-512 is not
            the published one.
    """
    if not _VERSION.match(version):
        raise StandaloneError(f"{version!r} is no version of a release, such as 3.2.2")
    _check_version(version, f"DolphinScheduler {version}")
    kept = _cache() / f"{version}.sha512"
    if kept.is_file():
        home = _place(version, kept.read_text(encoding="ascii").strip())
        if home.is_dir():
            return _source(home, home)
    base = address(RELEASES_VARIABLE)
    if base is None:
        raise StandaloneError(
            f"Maven Central has no DolphinScheduler {version}, and no place is named to download it from",
            hint=f"set {RELEASES_VARIABLE} to the folder of Apache's releases (the download page of "
            "dolphinscheduler.apache.org names it), or give --release FILE",
        )
    name = f"apache-dolphinscheduler-{version}-bin.tar.gz"
    url = f"{base}/{version}/{name}"
    published = _published(read(f"{url}.sha512"), name, url)
    home = _place(version, published)
    if not home.is_dir():
        say(f"downloading {url}")
        with _temporary() as place:
            archive = place / name
            download(url, archive)
            if _sha512(archive) != published:
                raise StandaloneError(
                    f"what came from {url} is not the release: its SHA-512 differs from the published one",
                    hint="the download was damaged, or the place is no faithful copy: try again, or another place",
                )
            home = _unpacked(archive, published, say)
    source = _source(home, home)
    if source.version != version:
        raise StandaloneError(f"{url} holds DolphinScheduler {source.version}, not {version}")
    kept.write_text(published + "\n", encoding="ascii")
    return source


def _source(folder: Path, said: Path) -> Source:
    """The server in an unpacked release."""
    home = folder / STANDALONE if (folder / STANDALONE).is_dir() else folder
    own = sorted((home / "libs").glob("*/*.jar"))
    versions = [found.group(1) for jar in own if (found := _SERVER_JAR.match(jar.name))]
    if not versions or not (home / "conf" / "application.yaml").is_file():
        raise StandaloneError(
            f"{said} is no binary release of DolphinScheduler: it has no {STANDALONE} with its jars and configuration",
            hint="give apache-dolphinscheduler-X-bin.tar.gz, or the folder that it unpacks to",
        )
    _check_version(versions[0], str(said))
    names = {jar.name for jar in own}
    others = []
    for server in OTHERS:
        for jar in sorted((home.parent / server / "libs").glob("*.jar")):
            if jar.name not in names:
                names.add(jar.name)
                others.append(jar)
    return Source(versions[0], (*own, *others), home.absolute())


def _check_version(version: str, said: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if series(version) not in SERIES or numbers < OLDEST:
        raise StandaloneError(f"{said} is DolphinScheduler {version}; dsflow can start 3.1.1 and later, up to 3.4")


def _unpacked(archive: Path, digest: str, say: Say) -> Path:
    """The folder in the cache that holds what is needed of an archive."""
    with exclusive(_cache() / "unpack.lock"):
        done = [path for path in _cache().glob(f"*-{digest[:16]}") if path.is_dir()]
        if done:
            return done[0]
        say(f"unpacking {archive.name}, once")
        with _temporary() as place:
            _unpack(archive, place)
            version = _source(place, archive).version
            home = _place(version, digest)
            try:
                os.rename(place, home)
            except OSError as error:
                raise StandaloneError(f"cannot keep the release in {home}: {error.strerror}") from error
        return home


def _unpack(archive: Path, place: Path) -> None:
    """Write the files that a standalone server needs: regular ones, at their own places only."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                parts = Path(member.name).parts[1:]  # below the folder that everything is in
                if not member.isfile() or ".." in parts or not _is_needed(parts):
                    continue
                source = tar.extractfile(member)
                assert source is not None
                target = place.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise StandaloneError(f"{archive} is damaged, or no .tar.gz archive: {error}") from error
    except OSError as error:
        if error.errno is None:  # gzip's own: a wrong checksum, no gzip file
            raise StandaloneError(f"{archive} is damaged, or no .tar.gz archive: {error}") from error
        raise StandaloneError(f"cannot unpack {archive} into the cache: {error.strerror}") from error


def _is_needed(parts: tuple[str, ...]) -> bool:
    return parts[:1] == (STANDALONE,) or (len(parts) == 3 and parts[0] in OTHERS and parts[1] == "libs")


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder in the cache that is gone afterwards, also when this process is killed."""
    try:
        _cache().mkdir(parents=True, exist_ok=True)
        for left in _cache().glob(".new-*"):  # of a machine that went down meanwhile
            if time.time() - left.stat().st_mtime > OLD:
                shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(dir=_cache(), prefix=".new-"))
    except OSError as error:
        raise StandaloneError(f"cannot write to the cache {_cache()}: {error.strerror}") from error
    with Guarded(remove=[place]):
        yield place


def _cache() -> Path:
    return cache_folder() / "releases"


def _place(version: str, digest: str) -> Path:
    return _cache() / f"{version}-{digest[:16]}"


def _sha512(path: Path) -> str:
    digest = hashlib.sha512()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise StandaloneError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _published(text: str, name: str, url: str) -> str:
    """The digest in a ``.sha512`` file: that of sha512sum, or that of gpg, which breaks it into lines."""
    found: list[str] = _SHA512.findall(re.sub(r"\s", "", text.replace(name, " ")).lower())
    if len(found) != 1:
        raise StandaloneError(f"{url}.sha512 holds no SHA-512")
    return found[0]
