"""What the rules say of the prediction server, and what it does."""

from __future__ import annotations

import pytest

from dsflow import FeatureView, Table, Workflow, types
from dsflow.openmldb.types import ColumnType
from dsflow.serving.errors import BadRequestError
from dsflow.serving.schema import check_value
from dsflow.serving.update import MAX_COMPARED, read_update
from dsflow.validation.rules import serving
from dsflow.validation.run import validate

UPDATE = {"database": "db", "deployment": "d", "model_path": "/m.json"}
VALUES = [None, True, 0, 1.5, "x", "2017-11-06", "2017-11-06 17:21:28", [], {}]


def test_the_keys_of_an_update() -> None:
    assert set(serving._UPDATE_NEEDS) == UPDATE.keys()
    more = {"table": "t", "columns": "a:0f,b:1e", "compare": str(MAX_COMPARED)}
    assert set(serving._UPDATE_KEYS) == UPDATE.keys() | more.keys()
    assert read_update(UPDATE | more).compare == MAX_COMPARED
    assert serving._FINGERPRINTS.fullmatch(more["columns"])
    for key in serving._UPDATE_NEEDS:
        with pytest.raises(BadRequestError, match=f"key '{key}' is missing"):
            read_update({k: v for k, v in UPDATE.items() if k != key})
    with pytest.raises(BadRequestError, match="unknown"):
        read_update(UPDATE | {"more": "x"})


def test_how_many_rows_may_be_compared() -> None:
    assert serving._MOST_COMPARED == MAX_COMPARED


@pytest.mark.parametrize("kind", list(ColumnType))
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_the_rule_takes_for_wrong_the_server_refuses(kind: ColumnType, value: object) -> None:
    """The server looks closer: a text that is no date is the server's to refuse."""
    if value is not None and not serving._fits(value, kind):
        with pytest.raises(ValueError, match="takes"):
            check_value(value, kind)


def test_a_table_that_is_not_there_is_no_wrong_table_of_requests_as_well() -> None:
    with Workflow("w", project="p") as wf:
        clicks = Table("clicks", database="db", a=types.Int)
        view = FeatureView("f", source=clicks, sql="SELECT a FROM click")
        clicks.create() >> view.deploy() >> view.serve("http://127.0.0.1:1", model_path="/m.json")
    codes = {finding.code for finding in validate(wf, wf.definition())}
    assert "DSF104" in codes
    assert "DSF141" not in codes
