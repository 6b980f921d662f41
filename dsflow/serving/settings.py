"""What a prediction server is started with, besides its address."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dsflow.serving.options import Options


@dataclass(frozen=True)
class Settings:
    """Values that a worker process can be given as JSON.

    Attributes:
        apiserver: base URL of OpenMLDB's APIServer; several are separated by commas.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.
        host: address that the server listens on.
        options: where models may lie, tokens, TLS, limits, further services.
    """

    apiserver: str
    model_dir: str | None = None
    host: str = "127.0.0.1"
    options: Options = field(default_factory=Options)

    def to_json(self) -> dict[str, Any]:
        """For `from_json` in another process."""
        return dataclasses.asdict(self) | {"options": self.options.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Settings:
        """What `to_json` gave."""
        return cls(**(dict(value) | {"options": Options.from_json(value["options"])}))

    @property
    def tls(self) -> bool:
        """Whether the server speaks HTTPS."""
        return self.options.tls_cert is not None
