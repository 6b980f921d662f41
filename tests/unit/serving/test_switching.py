"""From one pair to the next and back: what is compared before, what is kept, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsflow import FeatureView, Table, types
from dsflow.errors import ServerError, UnreachableError

from .fakes import CLICK, FakeApiServer, FakeDeployment, click_features, update
from .test_server import refused, serving

SAME = "app:1111aaaa,hour:2222bbbb,qty:3333cccc"


def other(change: Callable[[dict[str, Any]], dict[str, Any]]) -> FakeDeployment:
    return FakeDeployment(compute=lambda row: change(click_features(row)))


@pytest.fixture
def rows(apiserver: FakeApiServer) -> list[dict[str, Any]]:
    """Clicks that the table holds."""
    apiserver.stored["talkingdata"] = [CLICK | {"channel": n} for n in range(50)]
    return apiserver.stored["talkingdata"]


def switch(client: httpx.Client, model: str, columns: str = SAME, compare: Any = 20, **more: Any) -> httpx.Response:
    more = {"deployment": "demo_2", "table": "talkingdata"} | more
    return update(client, model, columns=columns, compare=compare, **more)


def test_a_deployment_that_answers_alike_takes_over(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: list[dict[str, Any]]
) -> None:
    apiserver.deployments["demo_db", "demo_2"] = other(lambda row: row | {"app": row["app"] + 1})
    assert switch(client, models[0], deployment="demo").json()["compared"] == {"rows": 0, "columns": []}
    answer = switch(client, models[1], columns="app:9999ffff,hour:2222bbbb,qty:3333cccc", compare="30")
    assert answer.status_code == 200, answer.text
    assert answer.json()["compared"] == {"rows": 30, "columns": ["hour", "qty"]}  # app is computed in another way
    health = client.get("/health").json()
    assert (health["deployment"], health["previous"]["deployment"]) == ("demo_2", "demo")


def test_a_deployment_that_answers_otherwise_is_refused(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: list[dict[str, Any]]
) -> None:
    apiserver.deployments["demo_db", "demo_2"] = other(lambda row: row | {"qty": min(row["qty"], 6)})
    switch(client, models[0], deployment="demo")
    before = client.post("/predict", json=CLICK).json()
    refused(switch(client, models[1]), 422, "demo_2 does not answer like demo", "qty", "gives 6, not 7", "stays")
    assert client.post("/predict", json=CLICK).json() == before
    assert "previous" not in client.get("/health").json()
    assert switch(client, models[1], compare=0).status_code == 200  # who asks for no comparison gets none


def test_requests_that_came_lately_are_compared_first(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: list[dict[str, Any]]
) -> None:
    apiserver.deployments["demo_db", "demo_2"] = other(
        lambda row: row | {"app": 0 if row["app"] == 777 else row["app"]}
    )
    switch(client, models[0], deployment="demo")
    client.post("/predict", json=[CLICK | {"app": 777}, CLICK])
    refused(switch(client, models[1]), 422, '"app": 777', "gives 0, not 777", "1 of 20 rows")


def test_requests_of_other_columns_are_not_compared(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: list[dict[str, Any]]
) -> None:
    """After the request columns have changed, what came before is no request any more."""

    def wider() -> FakeDeployment:
        made = FakeDeployment(compute=lambda row: click_features(row) | {"hour": len(row["city"])})
        made.input.append({"name": "city", "type": "string"})
        return made

    apiserver.stored["cities"] = [row | {"city": "x"} for row in rows[:3]]
    apiserver.deployments |= {("demo_db", "demo_2"): wider(), ("demo_db", "demo_3"): wider()}
    switch(client, models[0], deployment="demo")
    assert client.post("/predict", json=[CLICK] * 9).status_code == 200
    assert switch(client, models[1]).json()["compared"]["rows"] == 0
    assert client.post("/predict", json=[CLICK | {"city": "yz"}] * 2).status_code == 200
    answer = switch(client, models[0], deployment="demo_3", table="cities")
    assert answer.status_code == 200, answer.text
    assert answer.json()["compared"]["rows"] == 5  # two requests and three rows of the table


def test_rows_that_change_in_the_meantime_are_asked_again(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: list[dict[str, Any]]
) -> None:
    arrived = {"rows": 0}

    def counting(row: dict[str, Any]) -> dict[str, Any]:
        arrived["rows"] += 1  # the first answers are all of another moment, as when rows are being loaded
        return click_features(row) | {"qty": arrived["rows"] if arrived["rows"] < 60 else 60}

    switch(client, models[0], deployment="demo")
    apiserver.deployments["demo_db", "demo"].compute = counting
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment(compute=counting)
    answer = switch(client, models[1])
    assert answer.status_code == 200, answer.text
    assert answer.json()["compared"]["rows"] == 20


def test_many_rows_are_compared_in_small_requests(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str]
) -> None:
    """Between them the APIServer answers predictions."""
    switch(client, models[0], deployment="demo")
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    apiserver.stored["talkingdata"] = [CLICK | {"ip": n} for n in range(250)]
    apiserver.requests.clear()
    answer = switch(client, models[1], table="talkingdata", compare=250)
    assert answer.status_code == 200, answer.text
    assert answer.json()["compared"]["rows"] == 250
    sizes = [len(request["input"]) for request in apiserver.requests]
    assert sum(sizes) >= 3 * 250
    assert max(sizes) == 100


def test_what_can_not_be_compared_is_told(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str]
) -> None:
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    switch(client, models[0], deployment="demo")
    refused(switch(client, models[1]), 502, "refuses to read demo_db.talkingdata")
    refused(switch(client, models[1], table="a b"), 400, "not the name of a table")
    assert client.get("/health").json()["deployment"] == "demo"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"compare": "many"}, "'compare' takes a number of rows up to 10000"),
        ({"compare": 10_001}, "'compare' takes a number"),
        ({"compare": True}, "key 'compare'"),
        ({"columns": "qty"}, "'columns' takes NAME:FINGERPRINT"),
        ({"columns": ["qty"]}, "key 'columns' takes a string"),
        ({"table": "${table}"}, "placeholder that nobody filled in"),
    ],
)
def test_comparisons_that_cannot_be_read(
    client: httpx.Client, models: tuple[str, str], more: dict[str, Any], says: str
) -> None:
    refused(update(client, models[0], **more), 400, says)


def test_there_and_back(client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str]) -> None:
    refused(client.post("/rollback"), 422, "no earlier pair")
    update(client, models[0])
    refused(client.post("/rollback"), 422, "no earlier pair")
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    update(client, models[1], deployment="demo_2")
    update(client, models[1], deployment="demo_2")  # the same once more is no step forward
    back = client.post("/rollback")
    assert back.status_code == 200, back.text
    assert (back.json()["deployment"], back.json()["model"]["name"]) == ("demo", Path(models[0]).name)
    assert client.post("/predict", json=CLICK).json()["deployment"] == "demo"
    assert client.post("/rollback").json()["deployment"] == "demo_2"  # and forward again


def test_a_view_goes_back(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str], rows: Any, free_tcp_port: int
) -> None:
    view = FeatureView("f", source=Table("t", database="d", a=types.Int), sql="SELECT a FROM t")
    server = str(client.base_url)
    with pytest.raises(ServerError, match="there is no earlier pair to go back to"):
        view.rollback(server)
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    switch(client, models[0], deployment="demo")
    switch(client, models[1])
    assert view.rollback(server)["deployment"] == "demo"
    assert client.get("/health").json()["deployment"] == "demo"
    assert view.rollback(server + "/")["deployment"] == "demo_2"
    with pytest.raises(UnreachableError, match=r"the prediction server at .* does not answer"):
        view.rollback(f"http://127.0.0.1:{free_tcp_port}")
    with pytest.raises(ServerError, match="did not answer as a prediction server does"):
        view.rollback(apiserver.url)


def test_there_is_no_way_back_to_what_was_dropped(
    client: httpx.Client, apiserver: FakeApiServer, models: tuple[str, str]
) -> None:
    update(client, models[0])
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    update(client, models[1], deployment="demo_2")
    del apiserver.deployments["demo_db", "demo"]
    refused(client.post("/rollback"), 422, "no deployment demo_db.demo")
    assert client.post("/predict", json=CLICK).json()["deployment"] == "demo_2"


def test_the_way_back_outlasts_a_restart(apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str]) -> None:
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    kept = tmp_path / "kept"
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[0])
        update(client, models[1], deployment="demo_2")
    for model in models:
        Path(model).unlink()  # the server serves from its own copies
    with serving(apiserver.url, model_dir=kept) as client:
        assert client.get("/health").json()["previous"]["deployment"] == "demo"
        assert client.post("/rollback").json()["deployment"] == "demo"
    with serving(apiserver.url, model_dir=kept) as client:
        assert client.get("/health").json()["deployment"] == "demo"
    assert len(list(kept.glob("served-*"))) == 2


def test_a_lost_copy_of_the_pair_of_before_costs_the_way_back_alone(
    apiserver: FakeApiServer, tmp_path: Path, models: tuple[str, str]
) -> None:
    apiserver.deployments["demo_db", "demo_2"] = FakeDeployment()
    kept = tmp_path / "kept"
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[0])
    (first,) = kept.glob("served-*")
    with serving(apiserver.url, model_dir=kept) as client:
        update(client, models[1], deployment="demo_2")
    first.unlink()
    with serving(apiserver.url, model_dir=kept) as client:
        assert client.post("/predict", json=CLICK).json()["deployment"] == "demo_2"
        refused(client.post("/rollback"), 422, "no earlier pair")
