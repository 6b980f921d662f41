"""Every file in planted/ holds mistakes; each is found at the line that its marker ``<- DSF123`` stands on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dsflow.cli.loading import load_workflow
from dsflow.openmldb.sdk import SdkMissing, find_sdk
from dsflow.validation import check
from dsflow.validation.rules import RULES

PLANTED = sorted((Path(__file__).parent / "planted").glob("*.py"))
NEED_COMPILER = {rule.code for rule in RULES if rule.compiles}
# found when a process dies, or for a version of DolphinScheduler: see test_run.py and test_newer.py
ELSEWHERE = {"DSF107", "DSF417", "DSF418"}


def markers(path: Path) -> Counter[tuple[str, int]]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return Counter(
        (code, number)
        for number, line in lines
        if "<- DSF" in line
        for code in re.findall(r"DSF\d{3}", line.split("<- ")[1])
    )


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_found_at_its_line(path: Path) -> None:
    expected = markers(path)
    assert expected, "the file has no marker"
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing) and any(code in NEED_COMPILER for code, _ in expected):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    report = check(load_workflow(str(path)))
    found = Counter((f.code, f.where.line if f.where else 0) for f in report.findings)
    assert found == expected
    for finding in report.findings:
        assert finding.where is not None
        assert finding.where.file == str(path)
        assert finding.where.column, "the line alone is not enough"
        assert f"<- {finding.code}" in finding.excerpt or finding.code in finding.excerpt


def test_every_rule_has_a_planted_mistake() -> None:
    planted = {code for path in PLANTED for code, _ in markers(path)}
    assert {rule.code for rule in RULES} - planted == ELSEWHERE


@pytest.mark.parametrize(
    ("name", "column", "text"),
    [
        ("unknown_column", 23, "aap"),
        ("unknown_function", 14, "coalesce"),
        ("unknown_table", 67, "clcks"),
        ("duplicate_column", 17, "day(ts)"),
        ("feature_types", 17, "city"),
    ],
)
def test_points_at_the_word(name: str, column: int, text: str) -> None:
    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        pytest.skip(f"{sdk.reason}; `dsflow validate --install-compiler` fetches it")
    path = Path(__file__).parent / "planted" / f"{name}.py"
    [finding] = check(load_workflow(str(path))).findings
    assert finding.where is not None
    assert finding.where.column == column
    line, caret = finding.excerpt.splitlines()
    assert line[caret.index("^") :].startswith(text)
