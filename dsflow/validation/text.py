"""Findings for people and for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsflow.validation.finding import Finding, Place


def findings_text(findings: Sequence[Finding], notes: Sequence[str] = ()) -> str:
    """Findings for a terminal: place, code and message; the line with a caret; the hint. '' when there is nothing."""
    blocks = [_block(finding) for finding in findings]
    if findings:
        blocks.append(summary(findings))
    return "\n".join([*blocks, *(f"not checked: {note}" for note in notes)])


def findings_json(
    findings: Sequence[Finding], notes: Sequence[str] = (), indexes: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Findings as JSON: ``{"findings": [...], "notes": [...], "indexes": [...]}``.

    Args:
        indexes: what was derived, as :func:`dsflow.display.indexes.indexes_data` gives it.
    """
    data = {
        "findings": [finding.to_dict() for finding in findings],
        "notes": list(notes),
        "indexes": list(indexes),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def summary(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 warning``."""
    errors = sum(1 for finding in findings if finding.severity == "error")
    counts = ((errors, "error"), (len(findings) - errors, "warning"))
    return ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)


def _block(finding: Finding) -> str:
    place = f"{_short(finding.where)}: " if finding.where else ""
    lines = [f"{place}{finding.severity} {finding.code}: {finding.message}"]
    lines += [f"  | {line}" for line in finding.excerpt.splitlines()]
    if finding.hint:
        lines.append(f"  hint: {finding.hint}")
    return "\n".join(lines)


def _short(place: Place) -> str:
    """A place relative to the working folder, where that is shorter."""
    try:
        relative = os.path.relpath(place.file, Path.cwd())
    except ValueError:
        return str(place)  # another drive
    name = relative if not relative.startswith("..") else place.file
    return str(Place(name, place.line, place.column))
