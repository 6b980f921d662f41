"""What is served, on disk: a copy of the model and a manifest that names it, so that a restart serves the same again.

The manifest is the only truth: it is replaced in one step after the model's copy is safely on disk, so a crash at any
moment leaves the old pair or the new one, never a mixture. A shadow has a manifest of its own, in the same way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from dsflow.serving.apiserver import Deployment
from dsflow.serving.directory import make_directory, take_directory
from dsflow.serving.errors import ServingError, StoreError
from dsflow.serving.formats import FORMATS
from dsflow.serving.model import Model, load_checked
from dsflow.serving.schema import Column

log = logging.getLogger("dsflow.serving")

MANIFEST = "serving.json"
SHADOW = "shadow.json"
_COPY = re.compile(r"served-[0-9a-f]{64}(\.[a-z]+)")
_FORMAT = 2


@dataclass(frozen=True)
class Saved:
    """A deployment and a model that were served before.

    Attributes:
        columns: a fingerprint of how the deployment computes each of its columns, as the update gave them.
    """

    deployment: Deployment
    model: Model
    columns: Mapping[str, str]


class Store:
    """The model directory of one prediction server.

    Args:
        directory: made if it is missing. One server at a time may use it.
        locked: somebody else has taken the directory for this process: the parent of worker processes.
    """

    def __init__(self, directory: Path, *, locked: bool = False) -> None:
        self.directory = directory
        self._locked = locked
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Take the directory; taking it twice does nothing.

        Raises:
            StoreError: it cannot be made or written, or another server uses it.
        """
        if self._locked:
            make_directory(self.directory)
        elif self._lock is None:
            self._lock = take_directory(self.directory)

    def close(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def save(self, current: Saved, previous: Saved | None) -> None:
        """Make these what a restart serves, and what it may go back to.

        Raises:
            StoreError: the directory cannot be written; what was saved before still stands.
        """
        manifest = {
            "format": _FORMAT,
            "saved_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "current": _to_json(current),
            "previous": None if previous is None else _to_json(previous),
        }
        models = [saved.model for saved in (current, previous) if saved is not None]
        try:
            for model in models:
                _write(self.directory / _copy_name(model), model.raw)
            _write_json(self.directory / MANIFEST, manifest)
        except OSError as error:
            raise _not_written(self.directory, error) from error
        self._remove_other_copies(keep={*map(_copy_name, models), *self._copy_of_shadow()})

    def save_shadow(self, saved: Saved, share: float) -> None:
        """Make this the shadow that a restart begins again.

        Raises:
            StoreError: the directory cannot be written; what was saved before still stands.
        """
        manifest = {"format": _FORMAT, "share": share, "pair": self.stage(saved)}
        try:
            _write_json(self.directory / SHADOW, manifest)
        except OSError as error:
            raise _not_written(self.directory, error) from error

    def remove_shadow(self) -> None:
        """Let a restart begin no shadow; its model's copy goes with the next `save`.

        Raises:
            StoreError: the directory cannot be written.
        """
        try:
            (self.directory / SHADOW).unlink(missing_ok=True)
        except OSError as error:
            raise _not_written(self.directory, error) from error

    def load_shadow(self) -> tuple[Saved, float] | None:
        """The shadow that was saved, and its share of the calls; None if there is none.

        Raises:
            StoreError: it is damaged or unreadable.
            NotServableError: its model cannot be served any more.
        """
        place = self.directory / SHADOW
        try:
            if not place.exists():
                return None
            manifest = json.loads(place.read_bytes())
            if manifest["format"] != _FORMAT:
                raise ValueError(f"format {manifest['format']!r} is not known")
            return self._read(manifest["pair"]), float(manifest["share"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"{SHADOW} or the model that it names is damaged",
                hint="POST /shadow begins one again",
                detail=f"{place}: {error!r}",
            ) from error

    def _copy_of_shadow(self) -> set[str]:
        try:
            return {str(json.loads((self.directory / SHADOW).read_bytes())["pair"]["model_file"])}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return set()  # there is none that could be read

    def stage(self, saved: Saved) -> dict[str, object]:
        """Write the copy of a model that may be saved soon; what this returns, `read` reads in another process.

        Raises:
            StoreError: the directory cannot be written.
        """
        try:
            _write(self.directory / _copy_name(saved.model), saved.model.raw)
        except OSError as error:
            raise _not_written(self.directory, error) from error
        return _to_json(saved)

    def read(self, entry: Mapping[str, object]) -> Saved:
        """What another process has staged.

        Raises:
            StoreError: it cannot be read.
            NotServableError: it is no model that can be served.
        """
        try:
            return self._read(entry)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError("cannot read what another worker wrote", detail=repr(error)) from error

    def load(self) -> tuple[Saved, Saved | None] | None:
        """What was saved last: the pair in service and the one before it; None if there is nothing.

        A pair of before that cannot be read any more is no reason not to serve: it is left out.

        Raises:
            StoreError: the manifest, or the model that was in service, is damaged or unreadable.
        """
        place = self.directory / MANIFEST
        try:
            manifest = json.loads(place.read_bytes())
            if manifest["format"] != _FORMAT:
                raise ValueError(f"format {manifest['format']!r} is not known")
            current = self._read(manifest["current"])
        except FileNotFoundError as error:
            if error.filename == str(place):
                return None
            raise StoreError(
                f"{MANIFEST} names a model that is missing", hint=_UPDATE, detail=f"{place}: {error.filename}"
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot read what was served before: {error.strerror}", hint=_UPDATE, detail=str(error)
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"{MANIFEST} or the model that it names is damaged: {error!r}", hint=_UPDATE, detail=str(place)
            ) from error
        try:
            previous = self._read(manifest["previous"]) if manifest["previous"] is not None else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ServingError) as error:
            log.warning("there is no going back: the pair of before cannot be read: %s", error)
            previous = None
        return current, previous

    def _read(self, entry: Any) -> Saved:
        deployment = Deployment(
            database=str(entry["database"]),
            name=str(entry["deployment"]),
            input=tuple(Column.from_json(column) for column in entry["input"]),
            output=tuple(Column.from_json(column) for column in entry["output"]),
        )
        name, digest, path = str(entry["model_file"]), entry["sha256"], str(entry["model_path"])
        if not _is_copy(name):
            raise ValueError(f"{name!r} is not the name of a model's copy")
        raw = (self.directory / name).read_bytes()
        if hashlib.sha256(raw).hexdigest() != digest:
            raise ValueError(f"{name} is not the model that was saved (its SHA-256 differs)")
        columns = {str(name): str(value) for name, value in entry["columns"].items()}
        contract = entry.get("contract")
        return Saved(deployment, load_checked(path, raw, None if contract is None else contract.encode()), columns)

    def _remove_other_copies(self, keep: set[str]) -> None:
        for place in self.directory.iterdir():
            if _is_copy(place.name) and place.name not in keep:
                with contextlib.suppress(OSError):  # a copy that stays costs room and nothing else
                    place.unlink()


def _to_json(saved: Saved) -> dict[str, object]:
    return {
        "database": saved.deployment.database,
        "deployment": saved.deployment.name,
        "input": [column.to_json() for column in saved.deployment.input],
        "output": [column.to_json() for column in saved.deployment.output],
        "columns": dict(saved.columns),
        "model_path": saved.model.path,
        "model_file": _copy_name(saved.model),
        "sha256": saved.model.sha256,
        "contract": None if saved.model.contract_raw is None else saved.model.contract_raw.decode("utf-8"),
    }


def _copy_name(model: Model) -> str:
    return f"served-{model.sha256}{model.suffix}"


def _not_written(directory: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the model directory cannot be written: {error.strerror}",
        hint="the old pair stays in service; make room or give write permission, then update again",
        detail=str(directory),
    )


_UPDATE = "POST /update puts a pair into service again"


def _write_json(place: Path, content: object) -> None:
    _write(place, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _write(place: Path, content: bytes) -> None:
    """Write a file so that its name holds the old content or the new, and that it survives a power cut."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _is_copy(name: str) -> bool:
    """Whether a file's name is one that this store gives to a model."""
    found = _COPY.fullmatch(name)
    return found is not None and any(found[1] in format.endings for format in FORMATS)
