"""dsflow's commands against what real servers answered, without any server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dsflow.config import Profile
from tests.contracts.exchanges import TEXT, Exchange, read
from tests.contracts.flows import FLOWS, Flow
from tests.contracts.normal import PASSWORD, TENANT
from tests.contracts.player import BASE, PATIENCE, Player
from tests.contracts.session import session

HERE = Path(__file__).parent
RECORDINGS = sorted(HERE.glob("*/*.jsonl"))


def play(version: str, exchanges: list[Exchange], flow: Flow, patience: float = PATIENCE) -> str:
    """Play a recording for a flow; gives '' or what was not in order."""
    with Player(exchanges, patience) as player:
        profile = Profile(
            name="contract",
            api_url=f"http://127.0.0.1:{player.rest}{BASE}",
            gateway=f"127.0.0.1:{player.gateway}",
            user="admin",
            password=PASSWORD,
            gateway_token="recorded",
            tenant=TENANT,
        )
        with session(version, profile, poll=0.01) as do:
            try:
                flow(do)
            except AssertionError as error:
                # how a command ended follows from the first exchange that was not in order
                return player.complaint or str(error) or "an assertion of the flow"
        return player.complaint or player.rest_of_it()


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_dsflow_and_the_server_say_what_was_recorded(file: Path) -> None:
    head, exchanges = read(file)
    complaint = play(head["version"], exchanges, FLOWS[file.stem])
    if complaint:
        pytest.fail(f"{file.relative_to(HERE)}: {complaint}", pytrace=False)


def test_every_flow_is_recorded_on_every_version() -> None:
    versions = {file.parent.name for file in RECORDINGS}
    assert {(f.parent.name, f.stem) for f in RECORDINGS} == {(v, name) for v in versions for name in FLOWS}
    assert versions


def test_a_recording_names_no_machine() -> None:
    for file in RECORDINGS:
        text = file.read_text(encoding="utf-8")
        years = {int(y) for y in re.findall(r"(?<!\d)(20\d\d)-\d\d-\d\d", text)}
        assert all(y <= 2024 or y >= 2030 for y in years), f"{file}: {years}"
        assert set(re.findall(r"(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d.])", text)) <= {"192.0.2.1"}, file
        assert not re.search(r"/(?:home|root|Users|tmp|work)/", text), file


# ------------------------------------------------------------------ what it says when something has changed

Change = Callable[[list[Exchange]], None]


def complaint(change: Change) -> str:
    """What is said when dsflow does what it does, and something else was recorded."""
    file = RECORDINGS[-1].with_name("submit.jsonl")
    head, exchanges = read(file)
    change(exchanges)
    return play(head["version"], exchanges, FLOWS["submit"], patience=0.5)


def index_of(exchanges: list[Exchange], name: str) -> int:
    return next(n for n, e in enumerate(exchanges) if e.name == name)


def test_a_request_that_has_changed() -> None:
    def change(exchanges: list[Exchange]) -> None:
        arguments = exchanges[index_of(exchanges, "gateway createOrUpdateWorkflow")].request["arguments"]
        arguments[2] = "another name"
        next(t for t in arguments[13][TEXT] if t["name"] == "few")["taskParams"]["rawScript"] = "true"

    said = complaint(change)
    assert "gateway createOrUpdateWorkflow, has changed:" in said
    assert 'arguments[2]: expected "another name", came "flow"' in said
    assert re.search(r'arguments\[13]\[\d].taskParams.rawScript: expected "true", came "echo not enough"', said), said
    assert len(said.splitlines()) == 3, said


def test_a_request_that_is_new() -> None:
    def change(exchanges: list[Exchange]) -> None:
        del exchanges[index_of(exchanges, "POST /v2/workflows") :]  # the lock, of which nothing else is under way

    said = complaint(change)
    assert said.startswith("POST /v2/workflows is not in the recording")
    assert "it goes on with nothing" in said


def test_a_request_that_comes_no_more() -> None:
    said = complaint(lambda exchanges: exchanges.append(Exchange({"rest": "GET /queues/list", "as": "session"})))
    assert re.fullmatch(
        r"dsflow did not send what the recording has:\n  exchange \d+, GET /queues/list", said.rstrip(",")
    )


def test_a_request_that_comes_too_early() -> None:
    def change(exchanges: list[Exchange]) -> None:
        exchanges.insert(
            index_of(exchanges, "gateway createOrUpdateWorkflow"),
            Exchange({"rest": "GET /queues/list", "as": "session"}),
        )

    said = complaint(change)
    assert "gateway createOrUpdateWorkflow, came too early: the recording has before it\n" in said
    assert "GET /queues/list" in said


def test_an_answer_that_dsflow_does_not_understand() -> None:
    def change(exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            if exchange.name == "GET /worker-groups/all":
                exchange.answer = {"status": 200, "json": {"code": 0, "data": ["another"]}}

    assert "worker group 'default'" in complaint(change)
