"""How a prediction server is started: plain data, so that it can be handed to a process."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsflow.errors import ConfigError
from dsflow.web.access import Tokens, allowed_hosts, check_listening, tokens_from
from dsflow.web.limits import Limits
from dsflow.web.tls import Certificate, certificate

DEFAULT_SERVICE = "default"
"""The service of the paths without a name."""

UPDATE_TOKEN = "DSFLOW_SERVE_UPDATE_TOKEN"
"""The variable with the token, or two tokens, of /update, /rollback and /shadow."""

PREDICT_TOKEN = "DSFLOW_SERVE_PREDICT_TOKEN"
"""The variable with the token, or two tokens, of /predict, /schema and /metrics."""

_FILES = ("update_token_file", "predict_token_file", "tls_cert", "tls_key")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Options:
    """What a prediction server does and takes.

    Attributes:
        models: directories below which models may lie; none at all means that nothing can be put into service.
        services: names of further services, each with a pair of its own, at /predict/NAME.
        update_token_file, predict_token_file: files of one or two tokens; None takes the variable, if it is set.
        no_token: why other machines may ask without a token, in the user's words.
        tls_cert, tls_key: PEM files; None serves plain HTTP.
        hosts: further names that the Host header may hold on a loopback address, as that of a proxy.
        limits: of connections, headers and time.
        log: ``json``, ``text`` or ``auto``, see `dsflow.serving.logs.configure`.
        access_log: whether each request is a line of the log.
    """

    models: tuple[Path, ...] = ()
    services: tuple[str, ...] = ()
    update_token_file: Path | None = None
    predict_token_file: Path | None = None
    no_token: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    hosts: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    log: str = "auto"
    access_log: bool = False

    def __post_init__(self) -> None:
        for name in self.services:
            if not _NAME.fullmatch(name):
                raise ConfigError(f"{name!r} is not the name of a service", hint="letters, digits, _ and -")
        if len({*self.services, DEFAULT_SERVICE}) != len(self.services) + 1:
            raise ConfigError("a service is named twice", hint=f"{DEFAULT_SERVICE} is there without being named")
        if self.log not in ("json", "text", "auto"):
            raise ConfigError(f"the log cannot be {self.log!r}", hint="json, text or auto")

    def to_json(self) -> dict[str, Any]:
        """For `from_json` in another process."""
        return {
            name: [str(each) for each in value] if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        } | {name: None if getattr(self, name) is None else str(getattr(self, name)) for name in _FILES}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Options:
        """What `to_json` gave."""
        given = dict(value)
        given["limits"] = Limits(**given["limits"])
        given["models"] = tuple(map(Path, given["models"]))
        given["services"], given["hosts"] = tuple(given["services"]), tuple(given["hosts"])
        return cls(**(given | {name: None if given[name] is None else Path(given[name]) for name in _FILES}))

    @property
    def names(self) -> tuple[str, ...]:
        """All services, the default one first."""
        return (DEFAULT_SERVICE, *self.services)

    def gate(self, host: str) -> Gate:
        """Who may ask a server that listens on an address.

        Raises:
            ConfigError: a token is none, or the address is beyond this machine with neither a token nor a reason.
        """
        update = tokens_from(self.update_token_file, UPDATE_TOKEN)
        predict = tokens_from(self.predict_token_file, PREDICT_TOKEN)
        check_listening(host, update, self.no_token, "--update-token-file")
        allowed = allowed_hosts(host)
        return Gate(update, predict, None if allowed is None else allowed | {name.lower() for name in self.hosts})

    def certificate(self) -> Certificate | None:
        """The certificate; None for plain HTTP.

        Raises:
            ConfigError: it cannot be used.
        """
        return certificate(self.tls_cert, self.tls_key)


@dataclass(frozen=True)
class Gate:
    """Who may ask: tokens of what changes the server, of what asks it, and the names that it may be called by."""

    update: Tokens | None = None
    predict: Tokens | None = None
    hosts: frozenset[str] | None = None
