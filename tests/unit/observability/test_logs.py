"""Log lines, for people and for programs."""

import json
import logging
import sys
from typing import Any

import pytest

from analytex.observability.logs import JsonFormatter, fields, text_formatter


def record(message: str, *args: object, failed: bool = False) -> logging.LogRecord:
    info = None
    if failed:
        try:
            raise ValueError("a mistake\nin two lines")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord("analytex.place", logging.ERROR, "f.py", 1, message, args, info)
    made.created, made.msecs = 1772359200.25, 250.0
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter("worker-0").format(made)
    assert "\n" not in line
    return dict(json.loads(line))


def test_both_forms_say_the_same() -> None:
    """Whoever changes the form finds the same fields."""
    made = record('action="child_died" child=%s code=%d again_in_s=%.1f', "worker-0", -9, 0.2)

    assert text_formatter("supervisor").format(made) == (
        "2026-03-01T10:00:00.250Z ERROR supervisor analytex.place "
        'action="child_died" child=worker-0 code=-9 again_in_s=0.2'
    )
    assert as_json(made) == {
        "time": "2026-03-01T10:00:00.250Z",
        "level": "ERROR",
        "process": "worker-0",
        "logger": "analytex.place",
        "action": "child_died",
        "child": "worker-0",
        "code": -9,
        "again_in_s": 0.2,
    }


@pytest.mark.parametrize("cause", ['disk "full"', "two\nlines", "code=7", "", "100 %"])
def test_a_value_may_hold_anything(cause: str) -> None:
    """It is taken from the event, not read out of the line."""
    found = as_json(record('action="flush_failed" records=%d cause="%s"', 3, cause))

    assert found["cause"] == cause
    assert found["records"] == 3


def test_a_traceback_stays_in_its_line() -> None:
    """A collector of logs takes each line for an event."""
    found = as_json(record('action="request_failed" id=%s', "r-1", failed=True))

    assert found["id"] == "r-1"
    assert "ValueError: a mistake\nin two lines" in found["traceback"]


def test_a_line_of_somebody_else_is_a_message() -> None:
    """Libraries write sentences."""
    found = as_json(record("Invalid HTTP request %s.", "received"))

    assert found["message"] == "Invalid HTTP request received."
    assert fields(record("x=1")) is None


def test_a_field_never_replaces_what_every_line_has() -> None:
    """`process` is who wrote the line, whatever the event calls its fields."""
    assert as_json(record('action="a" process=%s', "other"))["process"] == "worker-0"
