from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from dsflow.serving.logs import REQUEST_ID, JsonLines, PlainLines, request_id


@pytest.fixture
def stream() -> Iterator[tuple[logging.Logger, logging.StreamHandler[io.StringIO]]]:
    logger, handler = logging.Logger("a.logger"), logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    mark = REQUEST_ID.set("abc-1")
    yield logger, handler
    REQUEST_ID.reset(mark)


def test_json_lines(stream: tuple[logging.Logger, logging.StreamHandler[io.StringIO]]) -> None:
    logger, handler = stream
    handler.setFormatter(JsonLines())
    logger.warning("said %s\nand more", "things", extra={"status": 400})
    try:
        raise ValueError("inside")
    except ValueError:
        logger.exception("failed")
    first, second = map(json.loads, handler.stream.getvalue().splitlines())
    assert first["message"] == "said things\nand more"
    assert (first["level"], first["logger"], first["request"], first["status"]) == ("warning", "a.logger", "abc-1", 400)
    assert "inside" in second["exception"]


def test_nobody_writes_lines_of_his_own(stream: tuple[logging.Logger, logging.StreamHandler[io.StringIO]]) -> None:
    logger, handler = stream
    handler.setFormatter(PlainLines())
    logger.warning("path %s", "/x\n2026-01-01 INFO root: all is well\r")
    (line,) = handler.stream.getvalue().splitlines()
    assert line.endswith("[abc-1]")


def test_ids_are_kept_when_they_are_fit_for_a_log() -> None:
    assert request_id("from-the-gateway:7") == "from-the-gateway:7"
    made = {request_id(None) for _ in range(100)}
    assert len(made) == 100
    for wrong in ("", "a b", "x" * 65, "a\nb", "ü", '"'):
        assert request_id(wrong) != wrong
