"""What a prediction server is started with, besides its address."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Plain values alone, so that a worker process can be given them as JSON.

    Attributes:
        apiserver: base URL of OpenMLDB's APIServer; several are separated by commas.
        model_dir: where the last good pair is kept over a restart; None keeps it in memory alone.
    """

    apiserver: str
    model_dir: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For `from_json` in another process."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Settings:
        """What `to_json` gave."""
        return cls(**value)
