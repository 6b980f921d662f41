"""Checks a workflow: all rules over one model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dsflow.declare.context import declared_workflows
from dsflow.declare.folding import count_of, steps_of
from dsflow.declare.params import Scalar, to_text
from dsflow.declare.tasks.openmldb import OpenMLDB
from dsflow.declare.workflow import Workflow
from dsflow.definition import Definition
from dsflow.errors import ConfigError, DsflowError, SourceLocation
from dsflow.openmldb.releases import RELEASES
from dsflow.validation.embedded import EmbeddedCompiler
from dsflow.validation.finding import Finding, Place
from dsflow.validation.model import Model, Problem
from dsflow.validation.rules.base import Rule
from dsflow.validation.silences import CODES, apply_silences
from dsflow.validation.source import Sources

if TYPE_CHECKING:
    from dsflow.openmldb.sdk import Compiler

NOT_COMPILED = "DSF200"


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        findings: in the order of files and lines.
        notes: what was not checked and why, one line each.
        tasks: how many there are, as `show` and `plan` say it; '' when the workflow does not compile.
        compiled_by: who has compiled the SQL: ``OpenMLDB``, ``embedded``, or '' for nobody; None when there is none.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    compiled_by: str | None = None
    tasks: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, fit for JSON."""
        return {"ok": self.ok, "findings": [f.to_dict() for f in self.findings], "notes": list(self.notes)}


def check(
    workflow: Workflow,
    values: Mapping[str, Scalar | str] | None = None,
    *,
    compiler: bool = True,
    release: str | None = None,
    version: tuple[int, ...] | None = None,
) -> Report:
    """Check a workflow without any server.

    Args:
        workflow: as declared.
        values: parameters' values in place of their defaults.
        compiler: whether to ask OpenMLDB's own compiler, where it is installed.
        release: of the cluster's OpenMLDB, one of :data:`dsflow.openmldb.releases.RELEASES`; None: nobody says.
        version: of DolphinScheduler, such as ``(3, 1)``: what other versions do is not spoken of; None: nobody says.

    Raises:
        ParameterError: a value is for no parameter, or of another type.
        ConfigError: ``release`` is none that is known.
    """
    from dsflow.declare.compile import parameter_values

    if release and release not in RELEASES:
        raise ConfigError(f"{release!r} is no known release of OpenMLDB", hint="known: " + ", ".join(RELEASES))

    chosen = parameter_values(workflow, values or {})
    definition, refused = None, None
    try:
        definition = workflow.definition(values)
    except DsflowError as error:
        refused = error
    return _check(workflow, definition, chosen, refused, compiler, release or "", version)


def refused(error: DsflowError) -> tuple[Finding, ...]:
    """The findings about a pipeline file that is refused as it is read, so that there is no workflow to check."""
    where = error.where if isinstance(error.where, SourceLocation) else None
    finding = _not_compiled(Sources(), error, where)
    return (finding if where or not error.where else replace(finding, message=f"{error.where}: {error.message}"),)


def validate(workflow: Workflow, definition: Definition) -> list[Finding]:
    """The findings about a workflow whose Definition is at hand; :func:`check` also says what was left out."""
    from dsflow.declare.compile import parameter_values

    values: dict[str, str] = parameter_values(workflow, {})
    values |= {p.prop: to_text(p.value) for p in definition.global_params}
    return list(_check(workflow, definition, values, None, True).findings)


def _check(
    workflow: Workflow,
    definition: Definition | None,
    values: Mapping[str, str],
    refused: DsflowError | None,
    use_compiler: bool,
    release: str = "",
    version: tuple[int, ...] | None = None,
) -> Report:
    # Start the compiler before the rules and the SQL parser are imported: its library loads meanwhile.
    has_sql = any(isinstance(task, OpenMLDB) for task in workflow.tasks.values())
    notes: list[str] = []
    compiler, lacking = _compiler() if use_compiler and has_sql else (None, "")
    from dsflow.validation.rules import RULES

    embedded = EmbeddedCompiler() if use_compiler and has_sql and compiler is None else None
    model = Model(workflow, definition, values, compiler, release=release, version=version, embedded=embedded)
    if workflow.where:
        model.sources[workflow.where.file]
    if lacking:
        codes = ", ".join(rule.code for rule in RULES if rule.compiles and not rule.embedded)
        notes.append(f"{codes}, which OpenMLDB's own compiler decides: {lacking}")
    found: list[Finding] = []
    ran = [rule for rule in RULES if compiler or not rule.compiles or (embedded and rule.embedded)]
    for rule in ran:
        found += [_finding(model, rule, problem) for problem in rule.check(model)]
    if refused is not None:
        found += _refusal(model, refused, found)
    for script in model.scripts:
        if script.is_file:
            model.sources[script.file]
    if workflow.where:
        for path in model.sources[workflow.where.file].named_files:
            if path.suffix == ".sql":
                model.sources[str(path)]
    known = {rule.code for rule in RULES} | {NOT_COMPILED, *CODES}
    found = apply_silences(dict.fromkeys(found), model.sources.read, known, _all_said(model, {r.code for r in ran}))
    shown = [f if f.excerpt else replace(f, excerpt=model.sources.excerpt(f.where)) for f in found]
    return Report(
        tuple(sorted(shown, key=_position)),
        tuple(dict.fromkeys([*notes, *model.notes])),
        _compiled_by(model) if model.queries else None,
        count_of(definition, steps_of(definition)) if definition else "",
    )


def _compiled_by(model: Model) -> str:
    if not model.compiled:
        return ""
    return "OpenMLDB" if model.compiler is not None else "embedded"


def _compiler() -> tuple[Compiler | None, str]:
    """OpenMLDB's compiler, starting; or why it is not to be had."""
    from dsflow.openmldb.sdk import CompilerError, SdkMissing, find_sdk, shared_compiler

    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        return None, sdk.reason + ("; `dsflow validate --install-compiler` fetches it" if sdk.installable else "")
    compiler = shared_compiler(sdk)
    try:
        compiler.start()
    except CompilerError as error:
        return None, error.message
    return compiler, ""


def _finding(model: Model, rule: Rule, problem: Problem) -> Finding:
    return Finding(
        code=rule.code,
        severity=problem.severity or rule.severity,
        message=problem.message,
        where=model.sources.with_column(problem.where),
        excerpt=_with_own_line(model, problem),
        hint=problem.hint,
    )


def _with_own_line(model: Model, problem: Problem) -> str:
    """A line of SQL or of a script that is not to be found in the file stands below the declaration's own."""
    if not problem.excerpt:
        return ""
    declaration = model.sources.excerpt(model.sources.with_column(problem.where))
    return f"{declaration}\n  in its text:\n{problem.excerpt}" if declaration else problem.excerpt


_BETTER = {"DSF127": "half of a character", "DSF201": "neither a parameter nor an output", "DSF301": "line"}
"""Rules that say more about a mistake than compiling the workflow does, by words of the compiler's message."""


def _refusal(model: Model, error: DsflowError, found: list[Finding]) -> Iterator[Finding]:
    """The error that compiling the workflow raised, unless a rule has said it better."""
    where = error.where if isinstance(error.where, SourceLocation) else model.workflow.where
    said = {f.code for f in found}
    better = any(code in said and words in error.message for code, words in _BETTER.items())
    if not better:
        yield _not_compiled(model.sources, error, where)


def _not_compiled(sources: Sources, error: DsflowError, where: SourceLocation | None) -> Finding:
    place = sources.with_column(where)
    excerpt = error.excerpt or sources.excerpt(place)
    return Finding(NOT_COMPILED, "error", error.message, place, excerpt, error.hint or "")


def _all_said(model: Model, ran: set[str]) -> Callable[[Place, str], bool]:
    """Whether a silence that finds nothing really has nothing to silence: its rule ran, over all of its file."""
    files = Counter(workflow.where.file for workflow in declared_workflows() if workflow.where)
    own = model.workflow.where.file if model.workflow.where else ""
    return lambda where, code: where.file == own and files[own] == 1 and code in ran | {NOT_COMPILED}


def _position(finding: Finding) -> tuple[str, int, int, str]:
    where = finding.where
    return (where.file, where.line, where.column or 0, finding.code) if where else ("", 0, 0, finding.code)
