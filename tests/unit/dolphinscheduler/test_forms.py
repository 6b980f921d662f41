"""The forms by which runs are started, in the words of each series."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from dsflow.definition import Definition, Property
from dsflow.dolphinscheduler.wire import forms, v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.rest import RestClient
from dsflow.dolphinscheduler.wire.rows import User
from dsflow.dolphinscheduler.wire.series import Series


class Client:
    """The part of a connection that a form asks."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def series(self) -> Series:
        return self._series

    def user(self) -> User:
        return User(1, "anna", "ml")


def started(series: Series, **params: str) -> dict[str, Any]:
    definition = Definition("p", "w", (), (), global_params=(Property("limit", type="DOUBLE"), Property("day")))
    return forms.start_form(cast(RestClient, Client(series)), 2, definition, params, None)


@pytest.mark.parametrize("series", [v3_1.SERIES, v3_2.SERIES])
def test_values_of_a_start(series: Series) -> None:
    assert json.loads(started(series, limit="0.9", mark="x")["startParams"]) == {"limit": "0.9", "mark": "x"}


@pytest.mark.parametrize("series", [v3_3.SERIES, v3_4.SERIES])
def test_values_of_a_start_have_the_types_of_the_parameters_from_3_3_on(series: Series) -> None:
    assert json.loads(started(series, limit="0.9", mark="x")["startParams"]) == [
        {"prop": "limit", "direct": "IN", "type": "DOUBLE", "value": "0.9"},
        {"prop": "mark", "direct": "IN", "type": "VARCHAR", "value": "x"},
    ]
    assert json.loads(started(series)["startParams"]) == []


def test_a_backfill_always_says_how_many_run_side_by_side() -> None:
    assert [forms.backfill_form({}, n)["expectedParallelismNumber"] for n in (None, 3)] == [1, 3]
    assert [forms.backfill_form({}, n)["runMode"] for n in (None, 3)] == ["RUN_MODE_SERIAL", "RUN_MODE_PARALLEL"]
