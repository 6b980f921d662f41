"""TLS by certificate files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsflow.errors import ConfigError


@dataclass(frozen=True)
class Certificate:
    """A certificate chain and its private key, as PEM files."""

    chain: Path
    key: Path

    def uvicorn(self) -> dict[str, Any]:
        """The arguments of ``uvicorn.Config``."""
        return {"ssl_certfile": str(self.chain), "ssl_keyfile": str(self.key)}


def certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    """The certificate of two options; None when neither is given.

    Raises:
        ConfigError: one is missing, or they cannot be read or do not go together.
    """
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise ConfigError("TLS needs a certificate and its key", hint="give both --tls-cert and --tls-key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(chain, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificate {chain} with the key {key} cannot be used: {error}",
            hint="PEM files, the key without a password, the certificate before those that signed it",
        ) from error
    return Certificate(chain, key)
