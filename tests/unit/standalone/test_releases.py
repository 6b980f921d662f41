"""Apache's releases: what is unpacked, what is downloaded and checked, and what is refused."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path

import pytest

from dsflow.standalone import releases
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.model import Source

from .conftest import Web, archive_of, left_in, release, release_files, sha512

SAID: list[str] = []


def say(line: str) -> None:
    SAID.append(line)


def write_folder(folder: Path, version: str) -> Path:
    for name, data in release_files(version).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def names(source: Source) -> list[str]:
    return [path.name for path in source.class_path]


EXPECTED = ["both.jar", "dolphinscheduler-standalone-server-{}.jar", "api.jar", "worker.jar"]


@pytest.mark.parametrize("version", ["3.1.5", "3.2.2"])
def test_folder_and_archive_give_the_same(tmp_path: Path, cache: Path, version: str) -> None:
    folder = write_folder(tmp_path / "unpacked", version)
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(release(version))

    for source in (releases.from_release(folder, say), releases.from_release(archive, say)):
        assert source.version == version
        assert names(source) == [name.format(version) for name in EXPECTED]
        own = source.class_path[0]
        assert own.read_bytes() == b"own"  # of two with one name the server's own counts
        assert source.home is not None
        assert (source.home / "conf" / "application.yaml").is_file()
    assert not any("conf" in name and "api-server" in name for name in left_in(cache))


def test_the_folder_of_the_server_itself(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "unpacked", "3.2.2")
    assert names(releases.from_release(folder / "standalone-server", say)) == names(releases.from_release(folder, say))


def test_an_archive_is_unpacked_once(tmp_path: Path, cache: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(release("3.2.2"))
    first = releases.from_release(archive, say)
    SAID.clear()
    assert releases.from_release(archive, say) == first
    assert SAID == []


@pytest.mark.parametrize("version", ["2.0.9", "3.0.6", "3.1.0", "3.5.0"])
def test_a_release_of_another_series(tmp_path: Path, cache: Path, version: str) -> None:
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(release(version))
    for path in (archive, write_folder(tmp_path / "unpacked", version)):
        with pytest.raises(StandaloneError, match=rf"is DolphinScheduler {version}; dsflow can start"):
            releases.from_release(path, say)
    with pytest.raises(StandaloneError, match="dsflow can start"):
        releases.from_version(version, say)
    assert left_in(cache) == []


def broken() -> dict[str, bytes]:
    whole = release("3.2.2")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    return {
        "cut off": whole[: len(whole) // 2],
        "a byte is another one": bytes(flipped),
        "no archive": b"<html>not found</html>",
        "empty": b"",
        "something else": archive_of({"readme": b"x"}, "apache-dolphinscheduler-3.2.2-src"),
    }


@pytest.mark.parametrize("what", broken())
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, cache: Path, what: str) -> None:
    archive = tmp_path / "apache-dolphinscheduler-3.2.2-bin.tar.gz"
    archive.write_bytes(broken()[what])
    with pytest.raises(StandaloneError, match=r"damaged|no binary release"):
        releases.from_release(archive, say)
    assert left_in(cache) == []


def test_nothing_is_written_outside_of_the_cache(tmp_path: Path, cache: Path) -> None:
    files = {**release_files("3.2.2"), "standalone-server/../../../../escaped": b"x"}
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(archive_of(files, "apache-dolphinscheduler-3.2.2-bin"))
    with tarfile.open(archive, "r:gz") as tar:
        assert any(".." in name for name in tar.getnames())
    releases.from_release(archive, say)
    assert not list(tmp_path.rglob("escaped"))


def test_a_folder_that_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(StandaloneError, match="no binary release") as error:
        releases.from_release(tmp_path, say)
    assert "apache-dolphinscheduler-X-bin.tar.gz" in str(error.value)
    with pytest.raises(StandaloneError, match="there is no release"):
        releases.from_release(tmp_path / "nothing", say)


def test_no_space(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full in the middle of unpacking."""
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(release("3.2.2"))
    real, written = releases.shutil.copyfileobj, []

    def full(source: object, target: object, length: int = 0) -> None:
        if len(written) == 2:
            raise OSError(28, os.strerror(28))
        written.append(target)
        real(source, target, length)  # type: ignore[arg-type]

    monkeypatch.setattr(releases.shutil, "copyfileobj", full)
    with pytest.raises(StandaloneError, match="No space left on device"):
        releases.from_release(archive, say)
    assert left_in(cache) == []


# ---------------------------------------------------------------- downloads


@pytest.fixture
def place(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("DSFLOW_DOLPHINSCHEDULER_RELEASES", web.url + "/dolphinscheduler/")
    return web


def publish(web: Web, version: str, data: bytes, published: str | None = None) -> str:
    name = f"apache-dolphinscheduler-{version}-bin.tar.gz"
    path = f"/dolphinscheduler/{version}/{name}"
    web.files[path] = data
    web.files[f"{path}.sha512"] = (published or f"{sha512(data)}  {name}\n").encode()
    return path


def test_a_version_is_downloaded_once_and_checked(place: Web, cache: Path) -> None:
    path = publish(place, "3.2.2", release("3.2.2"))
    source = releases.from_version("3.2.2", say)
    assert names(source) == [name.format("3.2.2") for name in EXPECTED]
    assert place.asked == [f"{path}.sha512", path]
    assert releases.from_version("3.2.2", say) == source
    assert len(place.asked) == 2
    assert not any(name.endswith(".tar.gz") for name in left_in(cache))


@pytest.mark.parametrize(
    "form",
    [
        lambda digest, name: f"{digest}  {name}\n",
        lambda digest, name: f"{digest} *{name}",
        lambda digest, name: digest.upper(),
        lambda digest, name: f"{name}:\n" + "\n".join(" ".join(re.findall("........", line)) for line in
                                                     re.findall("." * 64, digest.upper())) + "\n",
    ],
    ids=["sha512sum", "binary", "alone", "gpg"],
)  # fmt: skip
def test_each_form_of_a_published_digest(place: Web, form: object) -> None:
    data = release("3.1.9")
    text = form(sha512(data), "apache-dolphinscheduler-3.1.9-bin.tar.gz")  # type: ignore[operator]
    publish(place, "3.1.9", data, text)
    assert releases.from_version("3.1.9", say).version == "3.1.9"


def test_a_download_that_is_not_the_release(place: Web, cache: Path) -> None:
    publish(place, "3.2.2", release("3.2.2"), sha512(b"another") + "\n")
    with pytest.raises(StandaloneError, match="SHA-512 differs") as error:
        releases.from_version("3.2.2", say)
    assert "try again" in str(error.value)
    assert left_in(cache) == []


def test_a_download_that_breaks_off(place: Web, cache: Path) -> None:
    path = publish(place, "3.2.2", release("3.2.2"))
    place.cut.add(path)
    with pytest.raises(StandaloneError, match=r"3\.2\.2-bin\.tar\.gz cannot be got"):
        releases.from_version("3.2.2", say)
    assert left_in(cache) == []
    place.cut.clear()
    assert releases.from_version("3.2.2", say).version == "3.2.2"


def test_a_busy_server_is_asked_again(place: Web) -> None:
    path = publish(place, "3.2.2", release("3.2.2"))
    place.busy[path] = 2
    assert releases.from_version("3.2.2", say).version == "3.2.2"


def test_what_the_place_lacks_and_what_it_says_wrongly(place: Web, cache: Path) -> None:
    with pytest.raises(StandaloneError, match="answers 404"):
        releases.from_version("3.2.1", say)
    publish(place, "3.2.1", release("3.2.1"), "sorry\n")
    with pytest.raises(StandaloneError, match="holds no SHA-512"):
        releases.from_version("3.2.1", say)
    publish(place, "3.2.1", release("3.2.2"))
    with pytest.raises(StandaloneError, match=r"holds DolphinScheduler 3\.2\.2, not 3\.2\.1"):
        releases.from_version("3.2.1", say)


def test_without_a_place_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StandaloneError, match="no place is named") as error:
        releases.from_version("3.2.2", say)
    assert "DSFLOW_DOLPHINSCHEDULER_RELEASES" in str(error.value)
    monkeypatch.setenv("DSFLOW_DOLPHINSCHEDULER_RELEASES", "/mnt/releases")
    with pytest.raises(StandaloneError, match="not an http"):
        releases.from_version("3.2.2", say)
    with pytest.raises(StandaloneError, match="no version of a release"):
        releases.from_version("../../3.2.2", say)
