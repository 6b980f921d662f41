"""Attacks on the way from a model's path to its bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsflow.errors import ConfigError
from dsflow.serving.errors import NotServableError
from dsflow.serving.places import ModelPlaces


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "inner").mkdir(parents=True)
    (tmp_path / "models" / "good.json").write_bytes(b"good")
    (tmp_path / "models" / "inner" / "deep.json").write_bytes(b"deep")
    (tmp_path / "secret.json").write_bytes(b"secret")
    (tmp_path / "models-of-others").mkdir()
    (tmp_path / "models-of-others" / "x.json").write_bytes(b"others")
    return tmp_path / "models"


def test_files_below_the_directory_are_read(models: Path) -> None:
    places = ModelPlaces([models])
    assert places.read(str(models / "good.json")) == b"good"
    assert places.read(f" {models}/inner/deep.json ") == b"deep"
    assert places.read(f"file://{models}/good.json") == b"good"
    (models / "current.json").symlink_to(models / "inner" / "deep.json")  # a link that stays inside
    assert places.read(str(models / "current.json")) == b"deep"


def test_the_directory_itself_may_be_a_link(models: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(models)
    assert ModelPlaces([tmp_path / "link"]).read(f"{tmp_path}/link/good.json") == b"good"
    assert ModelPlaces([models]).read(f"{tmp_path}/link/good.json") == b"good"


@pytest.mark.parametrize(
    "path",
    [
        "{models}/../secret.json",
        "{models}/inner/../../secret.json",
        "{models}/inner/../good.json",
        "{models}/out.json",
        "{models}/outer/secret.json",
        "{root}/secret.json",
        "{root}/models-of-others/x.json",
        "/etc/passwd",
        "/proc/self/environ",
        "{models}",
        "good.json",
        "./good.json",
        "",
        "~/good.json",
        "{models}/good.json\x00.json",
        "http://127.0.0.1/good.json",
        "https://example.org/good.json",
        "s3://bucket/good.json",
        "file://host.example{models}/good.json",
        "file://{models}/%2e%2e/secret.json",
        "file://{models}/good.json?x=1",
        "file:good.json",
        "FILE://{models}/../secret.json",
        "hdfs://{models}/good.json",
    ],
)
def test_no_other_file_is_read(models: Path, path: str) -> None:
    (models / "out.json").symlink_to(models.parent / "secret.json")
    (models / "outer").symlink_to(models.parent)
    with pytest.raises(NotServableError) as refused:
        ModelPlaces([models]).read(path.format(models=models, root=models.parent))
    assert "secret" not in refused.value.message


def test_what_is_no_regular_file_is_refused_and_does_not_hang(models: Path) -> None:
    os.mkfifo(models / "pipe.json")
    for name in ("pipe.json", "inner", "none.json"):
        with pytest.raises(NotServableError, match=name):
            ModelPlaces([models]).read(str(models / name))
    with pytest.raises(NotServableError, match="more than 3 bytes"):
        ModelPlaces([models]).read(str(models / "good.json"), most=3)


def test_whether_another_file_is_there_is_not_told(models: Path) -> None:
    places = ModelPlaces([models])
    told = set()
    for path in (models.parent / "secret.json", models.parent / "no such file", "/home/somebody/x"):
        with pytest.raises(NotServableError) as refused:
            places.read(str(path))
        told.add(refused.value.message)
    assert len(told) == 1


def test_a_link_that_is_changed_after_the_look_leads_nowhere(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.resolve

    def swap(self: Path, strict: bool = False) -> Path:
        found = real(self, strict)
        if self.name == "good.json":
            self.unlink()
            self.symlink_to(models.parent / "secret.json")
        return found

    monkeypatch.setattr(Path, "resolve", swap)
    with pytest.raises(NotServableError, match=r"good\.json"):
        ModelPlaces([models]).read(str(models / "good.json"))


def test_directories_may_be_made_later_and_are_directories(tmp_path: Path) -> None:
    later = ModelPlaces([tmp_path / "later"])
    with pytest.raises(NotServableError, match="not below"):
        later.read(str(tmp_path / "later" / "m.json"))
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "m.json").write_bytes(b"made")
    assert later.read(str(tmp_path / "later" / "m.json")) == b"made"
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="not a directory"):
        ModelPlaces([tmp_path / "file"])
    with pytest.raises(NotServableError, match="not below"):
        ModelPlaces().read(str(tmp_path / "file"))
