"""A running APIServer, a prediction server over it, and models to serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import xgboost

from dsflow.serving import PredictionServer

from .fakes import EVERYWHERE, FakeApiServer, train


@pytest.fixture(scope="session")
def _running_apiserver() -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def apiserver(_running_apiserver: FakeApiServer) -> FakeApiServer:
    _running_apiserver.reset()
    return _running_apiserver


@pytest.fixture(scope="session")
def boosters() -> tuple[xgboost.Booster, xgboost.Booster]:
    """Two models over the same features that do not agree."""
    return train(seed=1), train(("channel", "qty"), seed=2)


@pytest.fixture
def models(boosters: tuple[xgboost.Booster, xgboost.Booster], tmp_path: Path) -> tuple[str, str]:
    """The two models as files: JSON and UBJSON."""
    first, second = tmp_path / "first.json", tmp_path / "second.ubj"
    boosters[0].save_model(first)
    boosters[1].save_model(second)
    return str(first), str(second)


@pytest.fixture
def server(apiserver: FakeApiServer) -> Iterator[PredictionServer]:
    with PredictionServer(apiserver.url, options=EVERYWHERE) as running:
        yield running


@pytest.fixture
def client(server: PredictionServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as running:
        yield running
