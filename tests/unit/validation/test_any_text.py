"""Whatever stands in a script, a statement or a file: checking it gives findings, never an exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow import Http, OpenMLDB, Python, Shell, Workflow
from dsflow.errors import DsflowError
from dsflow.validation import check, findings_json, findings_text

_PIECES = """
${a} ${b} ${nothing} ${system.biz.date} $[yyyyMMdd] ${setValue(x=1)} #{setValue(x=$y)} ' " \'\'\' \\ ; -- # /* */
( ) { } [ ] = , . * SELECT FROM t WHERE LAST JOIN u ON t.a = u.a ORDER BY WINDOW w AS PARTITION ROWS_RANGE BETWEEN
1h PRECEDING AND CURRENT ROW OVER count(a) LOAD DATA INFILE '/x' INTO TABLE OUTFILE OPTIONS(mode='append') DEPLOY d
USE db CREATE TABLE IF NOT EXISTS INSERT VALUES (1,2) SET @@sync_job=true TRUNCATE DROP f"${a}" f'{a!r}' x=1 if for
in do done fi then def return import password=hunter22 token: "abcdefgh" eyJhbGciOiJIUzI1NiJ9 é 数据
"""
WORDS = st.sampled_from([*_PIECES.split(), "\n", "\r"])
TEXTS = st.one_of(
    st.lists(WORDS, max_size=25).map(" ".join),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
)


@settings(max_examples=80, deadline=None)
@given(shell=TEXTS, python=TEXTS, sql=TEXTS, url=TEXTS, value=TEXTS)
def test_check_never_raises(shell: str, python: str, sql: str, url: str, value: str) -> None:
    with Workflow("w", project="p", params={"a": value, "b": 1}) as wf:
        makers = (
            lambda: Shell("shell", shell, outputs={"x": int}),
            lambda: Python("python", python, outputs={"y": int}),
            lambda: OpenMLDB("offline", sql),
            lambda: OpenMLDB("online", sql, "online"),
            lambda: Http("http", "POST", url, json={"deployment": value, "text": url}, headers={"x": value}),
        )
        for make in makers:
            try:
                make()
            except DsflowError:
                continue  # the declaration itself refuses it
    if not wf.tasks:
        return
    report = check(wf, compiler=False)
    assert findings_text(report.findings, report.notes) is not None
    assert findings_json(report.findings).startswith("{")
