"""Comments that silence a rule for one line: ``# dsflow: ignore[DSF104] the table comes from another team``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from dsflow.validation.finding import Finding, Place
from dsflow.validation.source import Source

NO_REASON, UNKNOWN_CODE, NOTHING_SILENCED = "DSF901", "DSF902", "DSF903"
CODES = (NO_REASON, UNKNOWN_CODE, NOTHING_SILENCED)

# after "#" in Python and shell, after "--" in SQL
_COMMENT = re.compile(r"(?:#|--)\s*dsflow:\s*ignore\b(?:\[(?P<codes>[^\]]*)\])?\s*[:,-]*\s*(?P<reason>.*)$")


@dataclass(frozen=True)
class Silence:
    """One such comment."""

    where: Place
    codes: tuple[str, ...]
    reason: str


def silences(source: Source) -> list[Silence]:
    """The silences of a file."""
    found = []
    for number, line in enumerate(source.lines, start=1):
        match = _COMMENT.search(line) if "dsflow:" in line else None
        if match:
            codes = tuple(code.strip() for code in (match["codes"] or "").split(",") if code.strip())
            reason = match["reason"].strip().rstrip("\"'")
            found.append(Silence(Place(source.path, number, match.start() + 1), codes, reason.strip()))
    return found


def apply_silences(
    findings: Iterable[Finding],
    sources: Iterable[Source],
    known: Collection[str],
    all_said: Callable[[Place, str], bool],
) -> list[Finding]:
    """Take out what is silenced, and add a finding for each silence that is wrong itself.

    Args:
        findings: of all rules.
        sources: the files in which silences are looked for.
        known: the codes that there are.
        all_said: whether a rule has said all that it has to say about a place's file; else a silence without a finding
            may be for another workflow.
    """
    listed = [silence for source in sources for silence in silences(source)]
    by_line = {(s.where.file, s.where.line): s for s in listed if s.codes and s.reason}
    used: set[tuple[Silence, str]] = set()
    kept: list[Finding] = []
    for finding in findings:
        silence = by_line.get((finding.where.file, finding.where.line)) if finding.where else None
        if silence and finding.code in silence.codes:
            used.add((silence, finding.code))
        else:
            kept.append(finding)
    for silence in listed:
        kept += _complaints(silence, used, known, all_said)
    return kept


def _complaints(
    silence: Silence, used: set[tuple[Silence, str]], known: Collection[str], all_said: Callable[[Place, str], bool]
) -> Iterable[Finding]:
    example = "write # dsflow: ignore[DSF104] and the reason"
    if not silence.codes:
        yield Finding(
            UNKNOWN_CODE, "error", "the comment does not say which rule it silences", silence.where, hint=example
        )
        return
    for code in silence.codes:
        if code not in known:
            message = f"the comment silences {code}, which is no rule"
            yield Finding(UNKNOWN_CODE, "error", message, silence.where, hint="docs/rules.md lists the rules")
        elif silence.reason and (silence, code) not in used and all_said(silence.where, code):
            message = f"the comment silences {code}, which finds nothing on this line"
            yield Finding(NOTHING_SILENCED, "warning", message, silence.where, hint="remove it")
    if not silence.reason:
        message = "the comment silences a rule without a reason, and is not heeded"
        yield Finding(NO_REASON, "error", message, silence.where, hint=example)
