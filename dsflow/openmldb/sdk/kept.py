"""Answers of OpenMLDB's compiler, kept in files: the same question to the same library has the same answer."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

MOST = 1000
"""Answers that are kept; when there are more, the older half goes."""


class KeptAnswers:
    """A folder of answers, one file for each question. What cannot be read or written is asked again.

    Args:
        folder: made when the first answer is kept.
        native: the library's folder: another build of it has answers of its own.
    """

    def __init__(self, folder: Path, native: Path) -> None:
        self.folder = folder
        self._library = [
            (file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in sorted(native.glob("_sql_router*"))
        ]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return next(self.folder.glob("*.json"), None) is not None

    def get(self, question: str) -> dict[str, Any] | None:
        """The answer to a question; None when it was not asked before."""
        try:
            kept = json.loads(self._file(question).read_bytes())
        except (OSError, ValueError):
            return None
        return kept if isinstance(kept, dict) else None

    def keep(self, question: str, answer: dict[str, Any]) -> None:
        """Keep an answer, if the folder can be written to."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".new", delete=False) as out:
                json.dump(answer, out)
            os.replace(out.name, self._file(question))
            self._prune()
        except OSError:
            return  # it is asked again then

    def _file(self, question: str) -> Path:
        digest = hashlib.sha256(json.dumps([self._library, question]).encode()).hexdigest()
        return self.folder / f"{digest[:32]}.json"

    def _prune(self) -> None:
        files = list(self.folder.glob("*.json"))
        if len(files) <= MOST:
            return
        for file in sorted(files, key=lambda each: each.stat().st_mtime)[: len(files) - MOST // 2]:
            file.unlink(missing_ok=True)
