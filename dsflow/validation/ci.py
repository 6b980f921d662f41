"""Findings in the forms that code hosts show beside the changed lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dsflow.validation.finding import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def findings_github(findings: Sequence[Finding], notes: Sequence[str], root: Path) -> str:
    """Findings as GitHub Actions' workflow commands, a line each; a note of what was not checked is a notice.

    Args:
        root: the repository's folder, to which files are relative.
    """
    lines = []
    for finding in findings:
        properties: dict[str, object] = {}
        if finding.where:
            properties = {"file": _relative(finding.where.file, root), "line": finding.where.line}
            if finding.where.column:
                properties["col"] = finding.where.column
        properties["title"] = finding.code
        given = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in properties.items())
        lines.append(f"::{finding.severity} {given}::{_escaped(_said(finding))}\n")
    return "".join(lines) + "".join(f"::notice title=not checked::{_escaped(note)}\n" for note in notes)


def findings_sarif(findings: Sequence[Finding], notes: Sequence[str], root: Path, version: str) -> str:
    """Findings as SARIF 2.1.0 (OASIS), which code scanning takes in.

    Args:
        root: the repository's folder, to which files are relative.
        version: dsflow's.
    """
    failed = any(finding.severity == "error" for finding in findings)
    run = {
        "tool": {
            "driver": {
                "name": "dsflow",
                "version": version,
                "rules": [{"id": code} for code in sorted({finding.code for finding in findings})],
            }
        },
        "originalUriBaseIds": {"ROOT": {"uri": root.resolve().as_uri() + "/"}},
        "results": [_result(finding, root) for finding in findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": int(failed),
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": f"not checked: {note}"}} for note in notes
                ],
            }
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _result(finding: Finding, root: Path) -> Mapping[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": {"text": _said(finding)},
    }
    if where := finding.where:
        region = {"startLine": where.line} | ({"startColumn": where.column} if where.column else {})
        artifact = {"uri": quote(_relative(where.file, root), safe="/,"), "uriBaseId": "ROOT"}
        result["locations"] = [{"physicalLocation": {"artifactLocation": artifact, "region": region}}]
    return result


def _said(finding: Finding) -> str:
    return f"{finding.message}\n{finding.hint}" if finding.hint else finding.message


def _relative(file: str, root: Path) -> str:
    path = Path(file).resolve()
    return path.relative_to(root.resolve()).as_posix() if path.is_relative_to(root.resolve()) else path.as_posix()


def _escaped(text: str, more: str = "") -> str:
    """As GitHub's toolkit writes values: percent signs and line ends, in properties also what separates them."""
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text
