from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dsflow.declare.params import substitute
from dsflow.validation.filling import fill

VALUES = {"a": "1", "long": "x" * 20, "empty": ""}
PIECES = st.sampled_from(["${a}", "${long}", "${empty}", "${unknown}", "$[yyyyMMdd]", "$", "{", "}", "text", " ", "\n"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_every_place_leads_back(raw: str) -> None:
    filled = fill(raw, VALUES)
    assert filled.text == substitute(raw, VALUES).replace("$[yyyyMMdd]", "20240101")
    offsets = [filled.raw_offset(i) for i in range(len(filled.text) + 1)]
    assert offsets == sorted(offsets)
    for at, offset in enumerate(offsets[:-1]):
        assert 0 <= offset <= len(raw)
        assert raw[offset] == filled.text[at] or raw[offset] == "$"


def test_names_without_a_value_stay() -> None:
    assert fill("${a} ${b}", {"a": "x"}).text == "x ${b}"
    assert fill("$[1+1]", {}).text == "$[1+1]"
