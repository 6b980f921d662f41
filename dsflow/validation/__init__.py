"""Checks of a workflow that need no server: :func:`check`, and what it finds."""

from dsflow.validation.finding import Finding, Place, Severity
from dsflow.validation.run import Report, check, refused, validate
from dsflow.validation.text import findings_json, findings_text, summary

__all__ = [
    "Finding",
    "Place",
    "Report",
    "Severity",
    "check",
    "findings_json",
    "findings_text",
    "refused",
    "summary",
    "validate",
]
