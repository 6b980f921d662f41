"""What a Workflow's methods give, as a notebook shows it and as text: findings, plans, what was submitted, runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from html import escape
from typing import TYPE_CHECKING, Any

from dsflow.dolphinscheduler.plan import Plan
from dsflow.dolphinscheduler.submit import SubmitResult
from dsflow.report import RunReport
from dsflow.validation.run import Report

if TYPE_CHECKING:
    from dsflow.definition import Definition


class Shown:
    """Has a text; a notebook shows its HTML, and whoever knows no HTML the text."""

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def _fields(of: Any) -> dict[str, Any]:
    return {each.name: getattr(of, each.name) for each in fields(of)}


@dataclass(frozen=True)
class Findings(Shown, Report):
    """What validating found; as a text it is what the command ``validate`` prints.

    Attributes:
        about: the workflow, as ``PROJECT/NAME``.
    """

    about: str = ""

    @classmethod
    def of(cls, report: Report, about: str) -> Findings:
        """The findings of a check."""
        return cls(**_fields(report), about=about)

    def _verdict(self) -> str:
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        by = {
            "OpenMLDB": " (SQL compiled by OpenMLDB's own compiler)",
            "embedded": " (SQL compiled by the embedded one)",
        }
        counts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        return f"{'✓' if self.ok else '✗'} {self.about}: {', '.join(counts) or 'no mistake found'}" + by.get(
            self.compiled_by or "", ""
        )

    def __str__(self) -> str:
        from dsflow.validation import findings_text

        return "\n".join(part for part in (self._verdict(), findings_text(self.findings, self.notes)) if part)

    def _repr_html_(self) -> str:
        from dsflow.display.html import headed, plain, table

        rows = []
        for finding in self.findings:
            where = finding.where
            place = f"{where.file.rpartition('/')[2]}:{where.line}" if where else ""
            rows.append((finding.severity, finding.code, place, _said(finding.message, finding.excerpt, finding.hint)))
        parts = [table(("", "rule", "where", "what"), rows)] if rows else []
        return headed(self._verdict(), *parts, *(f"<p>{plain(note)}</p>" for note in self.notes))


def _said(message: str, excerpt: str, hint: str) -> str:
    return "\n".join(part for part in (message, excerpt, f"hint: {hint}" if hint else "") if part)


_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": ">"}


@dataclass(frozen=True)
class ShownPlan(Shown, Plan):
    """A plan; as a text it is what the command ``plan`` prints."""

    @classmethod
    def of(cls, plan: Plan) -> ShownPlan:
        """The same plan."""
        return cls(**_fields(plan))

    def __str__(self) -> str:
        from dsflow.dolphinscheduler.plan_text import render_plan

        return render_plan(self).rstrip()

    def _repr_html_(self) -> str:
        from dsflow.display.html import headed, text_block
        from dsflow.dolphinscheduler.plan_text import summary

        head, _, body = str(self).partition("\n")
        told = headed(f"{head} ({summary(self)})" if not self.is_empty else head)
        return told + (text_block(body) if body.strip() else "")


@dataclass(frozen=True)
class Submitted(Shown, SubmitResult):
    """What submitting did."""

    @classmethod
    def of(cls, result: SubmitResult) -> Submitted:
        """The same result."""
        return cls(**_fields(result))

    def __str__(self) -> str:
        done = f"submitted, version {self.version}" if self.written else "unchanged, nothing was written"
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([f"{self.plan.project}/{self.plan.name}: {done}", *notes, self.url])

    def _repr_html_(self) -> str:
        from dsflow.display.html import headed, text_block

        head, _, _ = str(self).partition("\n")
        notes = text_block("\n".join(self.notes)) if self.notes else ""
        return headed(head, notes, f'<p><a href="{escape(self.url)}">{escape(self.url)}</a></p>')


@dataclass
class Run(Shown, RunReport):
    """A run that has ended: its report, with the Definition that ran.

    Attributes:
        cell: the number of the notebook's cell that shows the run already, None when none does.
    """

    definition: Definition | None = field(default=None, repr=False)
    cell: int | None = field(default=None, repr=False)

    @classmethod
    def of(cls, report: RunReport, definition: Definition, cell: int | None = None) -> Run:
        """The same report."""
        return cls(**_fields(report), definition=definition, cell=cell)

    def __str__(self) -> str:
        from dsflow.display.progress import run_summary

        return run_summary(self._defined, self).rstrip()

    def _repr_html_(self) -> str:
        from dsflow.display.html import run_html, text_block
        from dsflow.display.progress import run_summary

        if self.cell is not None and self.cell == cell_number():  # the picture is right above
            return text_block(run_summary(self._defined, self, listed=False))
        return run_html(self._defined, self)

    def write_page(self, path: str) -> None:
        """Write the run as one HTML page, which needs no network: picture, times, logs, and a training's figures.

        Raises:
            RunError: the file cannot be written.
        """
        from pathlib import Path

        from dsflow.cli.following import write_page

        write_page(Path(path), self._defined, self)

    @property
    def _defined(self) -> Definition:
        assert self.definition is not None
        return self.definition


def cell_number() -> int | None:
    """The number of the cell that a notebook runs at this moment; None outside of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return None if shell is None else int(shell.execution_count)
