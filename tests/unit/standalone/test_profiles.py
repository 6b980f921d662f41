"""A profile of the server in dsflow.yaml."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dsflow.config import load_profile
from dsflow.errors import ConfigError, MissingExtraError
from dsflow.standalone import profiles
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.model import Info, read_info

YAML = """\
# ours
default: dev
profiles:
  dev:   # the team's
    api_url: "http://ds.example:12345/dolphinscheduler"
    user: me
"""


@pytest.fixture
def info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Info:
    monkeypatch.chdir(tmp_path)
    for name in ("DSFLOW_API_URL", "DSFLOW_GATEWAY", "DSFLOW_GATEWAY_TOKEN", "DSFLOW_PASSWORD", "DSFLOW_USER"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "server"
    folder.mkdir()
    return Info(
        version="3.1.1", pid=1, pid_start=1, api_url="http://127.0.0.1:5/dolphinscheduler", web_url=None,
        gateway_host="127.0.0.1", gateway_port=6, gateway_token="t0ken", user="admin", password="pass",
        dir=str(folder), log="", console="", persist=False, python="python", java="java", java_version=17, sudo=False,
        ports={}, source="maven",
    )  # fmt: skip


def test_into_a_new_file(info: Info, tmp_path: Path) -> None:
    place = profiles.write_profile("local", info, "me")
    assert place == tmp_path / "dsflow.yaml"
    found = load_profile("local")
    assert (found.api_url, found.gateway, found.user) == (info.api_url, "127.0.0.1:6", "admin")
    assert (found.password, found.gateway_token, found.tenant) == ("pass", "t0ken", "me")
    text = place.read_text()
    assert "t0ken" not in text
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in Path(info.dir).iterdir())


def test_into_a_file_that_is_there_the_rest_stays(info: Info, tmp_path: Path) -> None:
    (tmp_path / "dsflow.yaml").write_text(YAML)
    profiles.write_profile("local", info, "me")
    assert (tmp_path / "dsflow.yaml").read_text().startswith(YAML)
    assert load_profile("local").gateway_token == "t0ken"
    assert load_profile().user == "me"


def test_the_same_server_again(info: Info, tmp_path: Path) -> None:
    (tmp_path / "dsflow.yaml").write_text(YAML)
    profiles.write_profile("local", info, "me")
    with (tmp_path / "dsflow.yaml").open("a") as file:
        file.write("    params: {kept: 1}\n")
    again = Info(**{**info.to_json(), "gateway_port": 7, "gateway_token": "new"})
    profiles.write_profile("local", again, "me")
    found = load_profile("local")
    assert (found.gateway, found.gateway_token, found.params) == ("127.0.0.1:7", "new", {"kept": "1"})


def test_somebody_elses_profile_is_left_alone(info: Info, tmp_path: Path) -> None:
    (tmp_path / "dsflow.yaml").write_text(YAML)
    with pytest.raises(StandaloneError, match=r"has a profile 'dev' already, which is not that of the server"):
        profiles.profile_place("dev", Path(info.dir))
    assert (tmp_path / "dsflow.yaml").read_text() == YAML


def test_a_file_that_is_not_valid(info: Info, tmp_path: Path) -> None:
    (tmp_path / "dsflow.yaml").write_text("profiles: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        profiles.profile_place("local", Path(info.dir))


def test_what_keeps_comments_is_not_installed(info: Info, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dsflow.yaml").write_text(YAML)
    monkeypatch.setattr(profiles.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ruamel\.yaml(.|\n)*dsflow-openmldb\[server\]"):
        profiles.profile_place("local", Path(info.dir))


def test_what_is_known_of_a_server_is_for_its_owner_only(info: Info) -> None:
    info.write()
    file = Path(info.dir, "server.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_info(Path(info.dir)) == info
    file.write_text("{")
    assert read_info(Path(info.dir)) is None
    file.write_text('{"version": "3.1.1"}')
    assert read_info(Path(info.dir)) is None
