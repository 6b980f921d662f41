from __future__ import annotations

import json

from dsflow.validation import Finding, Place, findings_json, findings_text

SQL = Finding("DSF102", "error", "no column 'a'", Place("/p/x.py", 3, 5), "    SELECT a\n    ^", "did you mean 'b'?")
BARE = Finding("DSF204", "warning", "unused")


def test_text_quotes_the_line() -> None:
    assert findings_text([SQL, BARE], ["no compiler"]) == (
        "/p/x.py:3:5: error DSF102: no column 'a'\n"
        "  |     SELECT a\n"
        "  |     ^\n"
        "  hint: did you mean 'b'?\n"
        "warning DSF204: unused\n"
        "1 error, 1 warning\n"
        "not checked: no compiler"
    )


def test_nothing_found_is_nothing() -> None:
    assert findings_text([]) == ""


def test_json() -> None:
    data = json.loads(findings_json([SQL, BARE], ["note"]))
    assert data["notes"] == ["note"]
    assert data["findings"][0] == {
        "code": "DSF102",
        "severity": "error",
        "message": "no column 'a'",
        "file": "/p/x.py",
        "line": 3,
        "column": 5,
        "excerpt": "    SELECT a\n    ^",
        "hint": "did you mean 'b'?",
    }
    assert data["findings"][1]["line"] is None
