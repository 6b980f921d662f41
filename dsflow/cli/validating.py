"""The command validate: one workflow from its own file, or every workflow below some paths."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsflow._version import VERSION
from dsflow.cli import exits
from dsflow.cli.collecting import check_given, collect, own_values
from dsflow.cli.loading import load_workflow
from dsflow.cli.options import ProfileName, Set, parse_set, target
from dsflow.cli.repository import find_repository
from dsflow.config import load_profile
from dsflow.declare.workflow import Workflow
from dsflow.errors import DsflowError

if TYPE_CHECKING:
    from dsflow.config import Profile
    from dsflow.validation.finding import Finding


class FindingsForm(str, Enum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


Json = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]
Form = Annotated[
    FindingsForm,
    typer.Option(
        "--format",
        help="The form of the output: github for annotations in GitHub Actions, sarif for code scanning (SARIF 2.1.0).",
    ),
]
InstallCompiler = Annotated[
    bool, typer.Option("--install-compiler", help="First fetch OpenMLDB's own compiler, which then checks the SQL.")
]


def validate(
    workflow: Workflow,
    set_: Set = None,
    json_: Json = False,
    form: Form = FindingsForm.TEXT,
    install_compiler: InstallCompiler = False,
    profile: ProfileName = None,
) -> None:
    """Check the workflow, without any server: its SQL by OpenMLDB's own compiler, and the rules of docs/rules.md.

    Exit code 1: there are errors.
    """
    gc.set_threshold(_OBJECTS)
    _install(install_compiler)
    _check([workflow], parse_set(set_), _form(json_, form), [], target(workflow, profile))


def validate_first(workflow: Workflow, values: Mapping[str, str], place: Profile, otherwise: str) -> None:
    """Check a workflow before something is done with it; warnings are for ``validate`` to tell.

    Args:
        otherwise: what has not been done, for the message.

    Raises:
        typer.Exit: there are errors; they have been told.
    """
    from dsflow.validation import check, findings_text

    report = check(workflow, values, release=place.openmldb, version=place.known_version())
    if report.ok:
        return
    errors = [finding for finding in report.findings if finding.severity == "error"]
    print(findings_text(errors), file=sys.stderr)
    print(f"{otherwise}: mend it, or add --no-validate", file=sys.stderr)
    raise typer.Exit(exits.FAILED)


def validate_paths(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Pipeline files, folders of them, or FILE:WORKFLOW.")
    ],
    set_: Set = None,
    json_: Json = False,
    form: Form = FindingsForm.TEXT,
    install_compiler: InstallCompiler = False,
    profile: ProfileName = None,
) -> None:
    """Check every workflow below the paths, without any server: the SQL by OpenMLDB's own compiler, and the rules of
    docs/rules.md.

    Exit code 1: there are errors.
    """
    gc.set_threshold(_OBJECTS)
    _install(install_compiler)
    named = [load_workflow(path) for path in paths if _names_a_workflow(path)]
    places = [Path(path) for path in paths if not _names_a_workflow(path)]
    errors: list[DsflowError] = []
    notes: list[str] = []
    if places:
        collection = collect(places, find_repository(places[0]))
        named += [found.workflow for found in collection.found]
        errors, notes = collection.errors, collection.notes
    place = load_profile(profile, start=places[0] if places else named[0].folder if named else None)
    _check(named, parse_set(set_), _form(json_, form), errors, place, notes)


_OBJECTS = 100_000
"""So many new objects before Python looks for cycles among them: it would look some 300 times, and find nothing to free
in a process that ends soon."""


def _form(as_json: bool, form: FindingsForm) -> FindingsForm:
    return FindingsForm.JSON if as_json and form is FindingsForm.TEXT else form


def _names_a_workflow(path: str) -> bool:
    """Whether it is FILE:WORKFLOW and not a file or a folder."""
    return not Path(path).exists() and Path(path.rpartition(":")[0]).is_file()


def _install(wanted: bool) -> None:
    if wanted:
        from dsflow.openmldb.sdk import install_sdk

        print(f"OpenMLDB's compiler: {install_sdk().native}", file=sys.stderr)


def _check(
    workflows: Sequence[Workflow],
    values: dict[str, str],
    form: FindingsForm,
    errors: Sequence[DsflowError],
    place: Profile,
    said: Sequence[str] = (),
) -> None:
    from dsflow.display.indexes import indexes_data, indexes_text
    from dsflow.validation import check, findings_text, refused

    if len(workflows) > 1:
        check_given(workflows, values)
    version = place.known_version()
    findings: list[Finding] = []
    notes = list(said)
    failed = bool(errors)
    for workflow in workflows:
        # of one workflow the check itself says, with what there is, that a name is unknown
        given = values if len(workflows) == 1 else own_values(workflow, values)
        report = check(workflow, given, release=place.openmldb, version=version)
        failed = failed or not report.ok
        findings += report.findings
        notes += [note for note in report.notes if note not in notes]
        if report.ok and form is FindingsForm.TEXT:
            print(f"{workflow.project}/{workflow.name}: {report.tasks}: {_VERDICTS[report.compiled_by]}")
            if len(workflows) == 1:  # of many, a line each
                print(indent(indexes_text(workflow), "  "), end="")
    # what is refused as a file is read, at the place that the error names
    unread = [finding for error in errors for finding in refused(error)]
    if form is FindingsForm.TEXT:
        if text := findings_text(findings, notes):
            print(text)
        if unread:
            print(findings_text(unread), file=sys.stderr)
    else:
        indexes = [found for workflow in workflows for found in indexes_data(workflow)]
        sys.stdout.write(_written(form, [*findings, *unread], notes, indexes))
    raise typer.Exit(exits.FAILED if failed else exits.OK)


_VERDICTS = {
    None: "ok",
    "OpenMLDB": "ok; its SQL was compiled by OpenMLDB's own compiler",
    "embedded": "ok; its SQL was compiled by the embedded OpenMLDB",
    "": "no mistake found, but not all of its SQL was compiled",
}


def _written(
    form: FindingsForm, findings: Sequence[Finding], notes: Sequence[str], indexes: Sequence[Mapping[str, Any]]
) -> str:
    if form is FindingsForm.JSON:
        from dsflow.validation import findings_json

        return findings_json(findings, notes, indexes)
    from dsflow.validation.ci import findings_github, findings_sarif

    root = find_repository(Path.cwd()).root
    if form is FindingsForm.GITHUB:
        return findings_github(findings, notes, root)
    return findings_sarif(findings, notes, root, VERSION)
