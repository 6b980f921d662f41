"""Profiles: where to. From ``dsflow.yaml``, overruled by ``DSFLOW_*`` variables; secrets only from variables or files.

``dsflow.yaml`` is looked for beside the pipeline file and in the folders above it, then from the working directory
upwards::

    repository: github.com/acme/pipelines   # for `deploy`; without it, Git's remote says what this repository is
    default: dev                  # the profile when neither --profile nor DSFLOW_PROFILE names one; else the one
                                  # that is called default
    profiles:
      dev:
        api_url: http://127.0.0.1:12345/dolphinscheduler
        gateway: 127.0.0.1:25333
        user: admin
        password_file: ~/.dsflow/dev.password
        tenant: root
        params: {data: /data/clicks.csv}     # values for the workflows' parameters, below --set
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dsflow.declare.params import to_text
from dsflow.errors import ConfigError
from dsflow.placeholders import SERIES

CONFIG_NAME = "dsflow.yaml"
DEFAULT_GATEWAY_TOKEN = "jwUDzpLsNKEFER4*a8gruBH_GsAurNxU7A@Xc"

SECRETS = ("token", "password", "gateway_token")
_VARIABLES = {
    "api_url": "DSFLOW_API_URL",
    "token": "DSFLOW_TOKEN",
    "user": "DSFLOW_USER",
    "password": "DSFLOW_PASSWORD",
    "gateway": "DSFLOW_GATEWAY",
    "gateway_token": "DSFLOW_GATEWAY_TOKEN",
    "tenant": "DSFLOW_TENANT",
    "web_url": "DSFLOW_WEB_URL",
    "environment": "DSFLOW_ENVIRONMENT",
    "version": "DSFLOW_VERSION",
    "openmldb": "DSFLOW_OPENMLDB",
}


@dataclass(frozen=True)
class Profile:
    """One target.

    Attributes:
        name: the profile's name.
        api_url: DolphinScheduler's REST API, up to ``/dolphinscheduler``.
        token: an access token (preferred), or ``user`` with ``password``.
        gateway: ``host:port`` of the Python gateway.
        gateway_token: the gateway's own token; None means the one that every release ships with.
        tenant: the tenant that runs the tasks; None leaves it to the user's binding.
        environment: the DolphinScheduler environment of tasks that name none; None takes the server's default one.
        openmldb: the release of the cluster's OpenMLDB, such as ``0.9.2``, for ``validate``; None: nobody says.
        web_url: where the web page is, when that is not beside the API.
        version: DolphinScheduler's version there (``3.1``, ``3.2.2``), for what does not ask the server: where versions
            differ, a local run follows this one, and ``validate`` speaks of it alone.
        params: values for workflow parameters, below ``--set``.
    """

    name: str = "default"
    api_url: str | None = None
    token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    gateway: str | None = None
    gateway_token: str | None = field(default=None, repr=False)
    tenant: str | None = None
    environment: str | None = None
    openmldb: str | None = None
    web_url: str | None = None
    version: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def require_api(self) -> str:
        """The REST API's address, without a slash at its end.

        Raises:
            ConfigError: none is configured, or it is no http(s) address.
        """
        if not self.api_url:
            raise ConfigError(
                f"profile {self.name!r} has no DolphinScheduler address",
                hint=f"set DSFLOW_API_URL (up to /dolphinscheduler), or api_url in {CONFIG_NAME}",
            )
        if not self.api_url.startswith(("http://", "https://")):
            raise ConfigError(f"api_url {self.api_url!r} is not an http:// or https:// address")
        return self.api_url.rstrip("/")

    def require_gateway(self) -> tuple[str, int]:
        """Host and port of the Python gateway; by default port 25333 on the API's host.

        Raises:
            ConfigError: it is not of the form ``host:port``.
        """
        if not self.gateway:
            from urllib.parse import urlsplit

            return urlsplit(self.require_api()).hostname or "127.0.0.1", 25333
        host, _, port = self.gateway.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(
                f"gateway {self.gateway!r} is not of the form host:port", hint="for example 127.0.0.1:25333"
            )
        return host, int(port)

    def known_version(self) -> tuple[int, ...] | None:
        """``version`` as numbers; None when the profile does not say.

        Raises:
            ConfigError: it is no version of DolphinScheduler that dsflow knows.
        """
        if not self.version:
            return None
        numbers = tuple(int(n) for n in self.version.split(".")) if re.fullmatch(r"\d+(\.\d+)+", self.version) else ()
        if numbers[:2] not in SERIES:
            raise ConfigError(
                f"profile {self.name!r}: version {self.version!r} is no DolphinScheduler that dsflow knows",
                hint="for example 3.1, 3.1.9, 3.2, 3.2.2 or 3.4",
            )
        return numbers

    def require_credentials(self) -> None:
        """Check that a token, or a user with a password, is there.

        Raises:
            ConfigError: neither is.
        """
        if self.token or (self.user and self.password):
            return
        missing = "the password of user " + repr(self.user) if self.user else "credentials"
        raise ConfigError(
            f"profile {self.name!r} lacks {missing}",
            hint="set DSFLOW_TOKEN, or DSFLOW_USER and DSFLOW_PASSWORD",
        )


def find_config(start: Path | None = None) -> Path | None:
    """The ``dsflow.yaml`` that governs ``start`` (a file or a folder), or None."""
    places = [p for p in (start, Path.cwd()) if p is not None]
    for place in places:
        folder = place.resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / CONFIG_NAME).is_file():
                return candidate / CONFIG_NAME
    return None


def repository_name(path: Path) -> str | None:
    """The key ``repository`` of a ``dsflow.yaml``: under which name its deployments are remembered on a server.

    Raises:
        ConfigError: the file is not readable, or the name is not a string.
    """
    name = read_config(path).get("repository")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ConfigError(f"repository: {name!r} is not a name", where=str(path))
    return name.strip() if name else None


def load_profile(
    name: str | None = None, *, start: Path | None = None, environ: Mapping[str, str] | None = None
) -> Profile:
    """Read one profile and lay the ``DSFLOW_*`` variables over it.

    Args:
        name: the profile; None takes DSFLOW_PROFILE, then the file's ``default``.
        start: the pipeline file, from which ``dsflow.yaml`` is looked for.
        environ: the variables, by default the process's.

    Raises:
        ConfigError: the file is not readable, has unknown keys, or has no such profile.
    """
    environ = os.environ if environ is None else environ
    name = name or environ.get("DSFLOW_PROFILE") or None
    path = find_config(start)
    profile = _from_file(path, name) if path else None
    if profile is None:
        if name is not None:
            place = f"{path} has" if path else f"there is no {CONFIG_NAME}, so there is"
            raise ConfigError(f"{place} no profile {name!r}", hint=_known(path))
        profile = Profile()
    overrides = {key: environ[variable] for key, variable in _VARIABLES.items() if environ.get(variable)}
    if {"user", "password"} <= overrides.keys() and "token" not in overrides:
        overrides["token"] = None  # type: ignore[assignment]  # a variable's user overrules a file's token
    return replace(profile, **overrides)  # type: ignore[arg-type]


def load_version(
    name: str | None = None, *, start: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[int, ...] | None:
    """The version that a profile names, for what needs no server: no secret of the profile is read.

    Raises:
        ConfigError: as :func:`load_profile` and :meth:`Profile.known_version`.
    """
    environ = os.environ if environ is None else environ
    name = name or environ.get("DSFLOW_PROFILE") or None
    version = environ.get("DSFLOW_VERSION")
    path = None if version else find_config(start)
    if path is not None:
        data = read_config(path)
        entries = (data.get("profiles") or {}).get(name or _default(data))
        if isinstance(entries, dict) and isinstance(entries.get("version"), (str, float)):
            version = str(entries["version"])
    return Profile(name=name or "default", version=version).known_version()


def _known(path: Path | None) -> str | None:
    if path is None:
        return None
    names = ", ".join(read_config(path).get("profiles") or {}) or "none"
    return f"profiles there: {names}"


def read_config(path: Path) -> dict[str, Any]:
    """What a ``dsflow.yaml`` holds.

    Raises:
        ConfigError: it is not readable, no mapping, or has unknown keys.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(data, dict) or not isinstance(data.get("profiles", {}), (dict, type(None))):
        raise ConfigError("expected a mapping with the keys 'default' and 'profiles'", where=str(path))
    unknown = set(data) - {"default", "profiles", "repository"}
    if unknown:
        raise ConfigError(
            f"unknown key {sorted(map(str, unknown))[0]!r}",
            where=str(path),
            hint="known: default, profiles, repository",
        )
    return data


def _default(data: Mapping[str, Any]) -> str | None:
    """The profile that is meant when nobody names one: the file's ``default``, or one that is called so."""
    named: str | None = data.get("default")
    return named if named is not None else "default" if "default" in (data.get("profiles") or {}) else None


def _from_file(path: Path, name: str | None) -> Profile | None:
    data = read_config(path)
    profiles = data.get("profiles") or {}
    chosen = name or _default(data)
    if chosen is None or chosen not in profiles:
        if chosen is not None and name is None:
            raise ConfigError(
                f"the default profile {chosen!r} is not among the profiles", where=str(path), hint=_known(path)
            )
        return None
    if not isinstance(profiles[chosen], (dict, type(None))):
        raise ConfigError(f"profile {chosen!r} is no mapping of keys to values", where=str(path))
    entries = dict(profiles[chosen] or {})
    for secret in SECRETS:
        if secret in entries:
            raise ConfigError(
                f"profile {chosen!r} holds a secret ({secret})",
                where=str(path),
                hint=f"keep it in {_VARIABLES[secret]}, or name a file: {secret}_file: PATH",
            )
        if f"{secret}_file" in entries:
            entries[secret] = _secret_from(path, str(entries.pop(f"{secret}_file")))
    known = {f.name for f in fields(Profile)} - {"name"}
    for key in entries:
        if key not in known:
            raise ConfigError(
                f"profile {chosen!r} has an unknown key {key!r}",
                where=str(path),
                hint="known: " + ", ".join(sorted(known)),
            )
    params = entries.pop("params", None) or {}
    if not isinstance(params, dict):
        raise ConfigError(f"profile {chosen!r}: params is no mapping of names to values", where=str(path))
    for key, value in [*entries.items(), *params.items()]:
        if not isinstance(value, (str, int, float, bool)):
            raise ConfigError(f"profile {chosen!r}: {key} is {value!r}, not a string or a number", where=str(path))
    texts = {str(key): to_text(value) for key, value in entries.items()}
    return Profile(name=str(chosen), params={str(k): to_text(v) for k, v in params.items()}, **texts)


def _secret_from(config: Path, name: str) -> str:
    file = config.parent / Path(name).expanduser()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"cannot read the secret file {file}: {reason}", where=str(config)) from error
