"""docs/rules.md and the rules say the same."""

from __future__ import annotations

import re
from pathlib import Path

from dsflow.validation.rules import RULES
from dsflow.validation.run import NOT_COMPILED
from dsflow.validation.silences import CODES

RULES_MD = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (DSF\d{3}): (.+)$", RULES_MD, re.MULTILINE))


def test_every_rule_has_its_section() -> None:
    assert {rule.code: rule.title for rule in RULES} == {
        code: title for code, title in SECTIONS.items() if code not in (NOT_COMPILED, *CODES)
    }
    assert {NOT_COMPILED, *CODES} <= SECTIONS.keys()


def test_codes_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))


def test_every_section_says_why_and_how_to_fix_it() -> None:
    for section in re.split(r"^### ", RULES_MD, flags=re.MULTILINE)[1:]:
        code = section[:6]
        for word in ("**Why.**", "**Fix.**"):
            assert word in section, f"{code} has no {word}"
