"""The rule that evens out recordings, and the form in which they are kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.exchanges import Exchange, changed, changes, differences, read, write
from tests.contracts.normal import Machine, even_out

BEGAN = datetime(2031, 5, 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def get(path: str, answer: Any, **request: Any) -> Exchange:
    return Exchange({"rest": f"GET {path}", "as": "session", **request}, {"status": 200, "json": {"data": answer}})


def data(exchange: Exchange) -> Any:
    return exchange.answer["json"]["data"]


@given(JSON, JSON)
def test_changes_lead_from_one_value_to_another(old: Any, new: Any) -> None:
    assert changed(old, list(changes(old, new))) == new
    assert (old == new) or list(differences(old, new))


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    first = get("/projects/1", {"a": [1, 2], "b": "long enough to be worth a reference to it, which is short"})
    second = get("/projects/2", {"a": [1, 3], "b": "long enough to be worth a reference to it, which is short"})
    second.beside = [first]
    write(tmp_path / "x.jsonl", {"contract": "x"}, [first, second])
    assert '"like":1' in (tmp_path / "x.jsonl").read_text()
    head, found = read(tmp_path / "x.jsonl")
    assert head == {"contract": "x"}
    assert [e.said for e in found] == [first.said, second.said]
    assert found[1].beside == [found[0]]


def test_codes_that_a_server_gave_are_numbered_in_their_order() -> None:
    asked = get(
        "/x", {"code": 98765432101234, "text": "see 98765432101230", "like": "0.98765432101230"}, query="555555555555"
    )
    (even,) = even_out([asked], Machine(), BEGAN)
    assert data(even) == {"code": 1000000000002, "text": "see 1000000000001", "like": "0.98765432101230"}
    assert even.request["query"] == "555555555555"  # dsflow made it up


def test_times_of_the_recording_keep_their_order_and_others_stay() -> None:
    answer = {"a": "2031-05-02 10:00:07", "b": "2031-05-02T10:00:05.123+00:00", "c": "2099-12-31 00:00:00",
              "d": "flow-20310502100007123", "e": 1935482407123}  # fmt: skip
    assert data(even_out([get("/x", answer)], Machine(), BEGAN)[0]) == {
        "a": "2024-01-01 00:00:02", "b": "2024-01-01T00:00:01.000+00:00", "c": "2099-12-31 00:00:00",
        "d": "flow-20240101000000000", "e": 1704067200000,
    }  # fmt: skip


def test_a_machine_is_not_named() -> None:
    machine = Machine({"/srv/ds": "/server", "anna": "etl"})
    answer = {
        "at": "10.1.2.3:4711",
        "log": "/srv/ds/logs/x of anna, not annabel",
        "email": "anna@firm.example",
        "pid": 17,
    }
    assert data(even_out([get("/x", answer)], machine, BEGAN)[0]) == {
        "at": "192.0.2.1:1234", "log": "/server/logs/x of etl, not annabel", "email": "admin@example.com", "pid": 1,
    }  # fmt: skip


def test_of_polling_the_first_looks_stay() -> None:
    def looks(*states: str) -> list[Exchange]:
        return [e for s in states for e in (get("/process-instances/1", s), get("/process-instances/1/tasks", s))]

    even = even_out(looks("RUNNING", "RUNNING", "RUNNING", "SUCCESS", "SUCCESS"), Machine(), BEGAN)
    assert [data(e) for e in even[::2]] == ["RUNNING", "SUCCESS", "SUCCESS"]


def test_of_a_log_the_tasks_own_lines_stay_whole() -> None:
    log = (
        '[INFO] 2031-05-02 10:00:05.123 +0000 - context {\r\n  "a": 1\r\n}\r\n'
        "[INFO] 2031-05-02 10:00:06.123 +0000 -  -> \r\n\tone\r\n\ttwo\r\n"
        "[INFO] 2031-05-02 10:00:07.123 +0000 - " + "x" * 200 + "\r\n"
    )
    (even,) = even_out([get("/log/detail", {"message": log, "lineNum": 7})], Machine(), BEGAN)
    lines = data(even)["message"].splitlines()
    assert lines[0].endswith("context {")
    assert lines[1].endswith(" -> ")
    assert lines[2:4] == ["\tone", "\ttwo"]
    assert [len(line) for line in lines[4:]] == [120]
