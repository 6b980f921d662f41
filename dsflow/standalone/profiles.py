"""A profile of a server in ``dsflow.yaml``: what it holds, and writing it there."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from dsflow.config import CONFIG_NAME, find_config, read_config
from dsflow.errors import MissingExtraError
from dsflow.standalone.errors import StandaloneError
from dsflow.standalone.model import Info

PASSWORD_FILE, TOKEN_FILE = "admin.password", "gateway.token"  # beside server.json: no secret stands in dsflow.yaml


def variables(info: Info, tenant: str) -> dict[str, str]:
    """The ``DSFLOW_*`` variables that name a server."""
    return {
        "DSFLOW_API_URL": info.api_url,
        "DSFLOW_GATEWAY": f"{info.gateway_host}:{info.gateway_port}",
        "DSFLOW_GATEWAY_TOKEN": info.gateway_token,
        "DSFLOW_USER": info.user,
        "DSFLOW_PASSWORD": info.password,
        "DSFLOW_TENANT": tenant,
    }


def profile_place(name: str, folder: Path) -> Path:
    """The ``dsflow.yaml`` that the profile of the server in ``folder`` is to stand in; it need not be there yet.

    Raises:
        ConfigError: the file is not valid.
        MissingExtraError: it is there, and what keeps its comments is not installed.
        StandaloneError: it holds a profile of that name that is not this server's.
    """
    place = find_config() or Path.cwd() / CONFIG_NAME
    if place.is_file():
        old = (read_config(place).get("profiles") or {}).get(name)
        if old is not None and not _is_ours(old, place, folder):
            raise StandaloneError(
                f"{place} has a profile {name!r} already, which is not that of the server in {folder}",
                hint="give the new one another name",
            )
        if importlib.util.find_spec("ruamel") is None or importlib.util.find_spec("ruamel.yaml") is None:
            raise MissingExtraError(f"writing a profile into a {CONFIG_NAME} that is there", "server", "ruamel.yaml")
    return place


def write_profile(name: str, info: Info, tenant: str) -> Path:
    """Write a server's profile into ``dsflow.yaml``, and its secrets into files beside ``server.json``.

    All else in the file stays as it is, comments included. The same errors as :func:`profile_place`.

    Returns:
        the file.
    """
    folder = Path(info.dir)
    place = profile_place(name, folder)
    for file, secret in ((PASSWORD_FILE, info.password), (TOKEN_FILE, info.gateway_token)):
        descriptor = os.open(folder / file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(secret + "\n")
    values = {
        "api_url": info.api_url,
        "gateway": f"{info.gateway_host}:{info.gateway_port}",
        "user": info.user,
        "password_file": str(folder / PASSWORD_FILE),
        "gateway_token_file": str(folder / TOKEN_FILE),
        "tenant": tenant,
    }
    try:
        _write(place, name, values)
    except OSError as error:
        raise StandaloneError(f"cannot write {place}: {error.strerror}") from error
    return place


def _write(place: Path, name: str, values: dict[str, str]) -> None:
    new = place.with_name(place.name + ".new")
    if place.is_file():
        from ruamel.yaml import YAML

        yaml = YAML()  # keeps comments, quotes and the order
        yaml.preserve_quotes = True
        data = yaml.load(place.read_text(encoding="utf-8")) or {}
        profiles = data.get("profiles")
        if profiles is None:
            data["profiles"] = {name: values}
        else:
            profiles[name] = {**dict(profiles.get(name) or {}), **values}
        with new.open("w", encoding="utf-8") as file:
            yaml.dump(data, file)
    else:
        import yaml as plain

        new.write_text(plain.safe_dump({"profiles": {name: values}}, sort_keys=False), encoding="utf-8")
    new.replace(place)


def _is_ours(old: Any, place: Path, folder: Path) -> bool:
    file = old.get("gateway_token_file") if isinstance(old, dict) else None
    return bool(file) and (place.parent / Path(str(file)).expanduser()).parent.resolve() == folder.resolve()
