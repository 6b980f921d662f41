"""Who may ask a server: bearer tokens, pages of other sites, and where it may listen without a token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsflow.errors import ConfigError
from dsflow.web.errors import ForbiddenError, UnauthorizedError

MOST_TOKENS = 2
LEAST_LENGTH = 16
_LOOK_SECONDS = 1.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1


class Tokens:
    """One or two bearer tokens, of which either opens: while one is being replaced, both hold.

    A file is read again when it has changed, so that tokens can be replaced without a restart; one that cannot be read
    then, or holds no tokens, leaves the old ones.

    Args:
        tokens: the tokens, when they do not come from a file.
        file: a file of one or two lines.

    Raises:
        ConfigError: there is no token, there are more than two, or one is too short or has other characters.
    """

    def __init__(self, tokens: Sequence[str] = (), *, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._stamp = _stamp(file)
        self._tokens = _checked(_lines(file) if file is not None else list(tokens), str(file or "the token"))

    def allow(self, authorization: str | None) -> bool:
        """Whether an Authorization header holds one of the tokens; compared in constant time."""
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        sent = given.strip().encode("latin-1", "replace")
        found = False
        for token in self._current():
            found |= hmac.compare_digest(sent, token)  # each one is compared, whether or not one was equal before
        return found

    def _current(self) -> tuple[bytes, ...]:
        now = time.monotonic()
        if self._file is not None and now - self._looked > _LOOK_SECONDS:
            with self._lock:
                self._looked = now
                stamp = _stamp(self._file)
                if stamp != self._stamp and stamp is not None:
                    try:
                        self._tokens = _checked(_lines(self._file), str(self._file))
                        self._stamp = stamp
                    except ConfigError:
                        pass  # a file that is being written; the tokens of before hold
        return self._tokens


def tokens_from(file: Path | None, variable: str, environment: Mapping[str, str] = os.environ) -> Tokens | None:
    """The tokens of a file, or of a variable that holds one or two with a blank between; None when neither is there.

    Raises:
        ConfigError: what is there is no token.
    """
    if file is not None:
        return Tokens(file=file)
    given = environment.get(variable)
    if given is None:
        return None
    try:
        return Tokens(given.split())
    except ConfigError as error:
        raise ConfigError(f"{variable}: {error.message}", hint=error.hint) from None


def check_token(tokens: Tokens | None, authorization: str | None) -> None:
    """Check the token of a request.

    Args:
        tokens: those of the path; None asks for none.
        authorization: the header.

    Raises:
        UnauthorizedError: it holds none of the tokens.
    """
    if tokens is not None and not tokens.allow(authorization):
        raise UnauthorizedError(sent=authorization is not None)


def check_browser(host: str | None, origin: str | None, hosts: frozenset[str] | None) -> None:
    """Refuse what a page of another site makes a browser send.

    Args:
        host, origin: the headers of the request.
        hosts: names that the Host header may hold beside addresses of the loopback; None takes any. On a loopback
            address a page of the Web could else reach the server through a name of its own (DNS rebinding).

    Raises:
        ForbiddenError: the host is not this server, or the origin is another one.
    """
    if hosts is not None and host is not None:
        name = host_name(host)
        if name not in hosts and not is_loopback(name):
            raise ForbiddenError(
                "the request names another host than this server", hint="ask it by 127.0.0.1 or localhost"
            )
    if origin is not None and origin.partition("://")[2].lower() != (host or "").lower():
        raise ForbiddenError("the request comes from a page of another origin", hint="ask the server itself")


def allowed_hosts(host: str) -> frozenset[str] | None:
    """What `check_browser` takes for a server that listens on an address: on the loopback its names, else any."""
    return frozenset({host.strip("[]").lower()}) if is_loopback(host) else None


def check_listening(host: str, tokens: Tokens | None, reason: str | None, option: str = "--token-file") -> None:
    """Refuse to listen beyond this machine without a token, unless somebody says why.

    Args:
        host: the address to listen on.
        tokens: of what changes the server.
        reason: why no token is needed, in the user's words.
        option: the option that names the tokens' file, for the hint.

    Raises:
        ConfigError: neither loopback, nor a token, nor a reason.
    """
    if is_loopback(host) or tokens is not None or (reason is not None and reason.strip()):
        return
    raise ConfigError(
        f"whoever reaches {host} could tell this server what to do",
        hint=f"give a token ({option}), or say why none is needed (--no-token 'only the proxy reaches it')",
    )


def is_loopback(host: str) -> bool:
    """Whether an address or a name is that of this machine alone."""
    name = host.strip("[]").lower()
    if name in ("localhost", "ip6-localhost") or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the tokens in {file}: {error}", hint="one token a line, at most two") from error


def _checked(tokens: Sequence[str], source: str) -> tuple[bytes, ...]:
    if not 1 <= len(tokens) <= MOST_TOKENS:
        raise ConfigError(f"{source} holds {len(tokens)} tokens", hint="one, or two while one is being replaced")
    for token in tokens:
        if len(token) < LEAST_LENGTH or not _TOKEN.fullmatch(token):
            raise ConfigError(
                f"{source}: a token has at least {LEAST_LENGTH} letters, digits or -._~+/=",
                hint="make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
    return tuple(token.encode("ascii") for token in tokens)


def _stamp(file: Path | None) -> tuple[int, int, int] | None:
    try:
        about = file.stat() if file is not None else None
    except OSError:
        return None
    return None if about is None else (about.st_mtime_ns, about.st_size, about.st_ino)
