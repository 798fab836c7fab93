"""When a row of an import happened: every form of a time, and what is no time."""

import json

import pytest

from tests.unit.wire.imported import (
    AT,
    NOW,
    SECOND,
    TRACK,
    as_cells,
    event,
    problem,
)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        pytest.param("2025-02-17 08:03:11.250000", AT, id="as in the contract"),
        pytest.param("2025-02-17 08:03:11.25", AT, id="fewer digits"),
        pytest.param("2025-02-17 08:03:11", AT - SECOND // 4, id="whole seconds"),
        pytest.param("2025-02-17 08:03", AT - 11_250_000, id="whole minutes"),
        pytest.param("2025-02-17T08:03:11.25Z", AT, id="ISO 8601 in UTC"),
        pytest.param("2025-02-17T08:03:11.250", AT, id="ISO 8601 without a zone"),
        pytest.param("2025-02-17T10:03:11.25+02:00", AT, id="ISO 8601 in another zone"),
        pytest.param("2025-02-16T22:33:11.25-09:30", AT, id="ISO 8601 on the day before"),
        pytest.param("2025-02-17 08:03:11.250001", AT + 1, id="a microsecond"),
        pytest.param("2025-02-17 08:03:11.2500009", AT, id="less than a microsecond"),
        pytest.param("2025-02-17", 1_739_750_400 * SECOND, id="a day"),
        pytest.param("1739779391.25", AT, id="Unix seconds as text"),
        pytest.param("1739779391", AT - SECOND // 4, id="whole Unix seconds as text"),
        pytest.param(1739779391.25, AT, id="Unix seconds"),
        pytest.param(1739779391, AT - SECOND // 4, id="whole Unix seconds"),
        pytest.param(1739779391.250001, AT + 1, id="Unix seconds, a microsecond"),
        pytest.param(1739779391.0, AT - SECOND // 4, id="a float without a fraction"),
        pytest.param(" 2025-02-17 08:03:11.25 ", AT, id="spaces around"),
        pytest.param("1970-01-01", 0, id="the first"),
        pytest.param(0, 0, id="zero"),
        pytest.param("0", 0, id="zero as text"),
        pytest.param(0.25, SECOND // 4, id="a fraction"),
        pytest.param(0.0001, 100, id="a small fraction"),
        pytest.param((NOW + 86_400 * SECOND) // SECOND, NOW + 86_400 * SECOND, id="a day ahead"),
    ],
)
def test_times(value: object, at: int) -> None:
    """Every form of conflict C16, to the microsecond; without a zone it is UTC."""
    found = event(TRACK, inserted_at=value)
    assert found.inserted_at == at
    assert found.id.startswith(f"{at:013x}")
    assert as_cells(TRACK, inserted_at=value).id == found.id


@pytest.mark.parametrize(
    ("value", "shown", "code", "says"),
    [
        pytest.param(..., "", "missing", "missing", id="missing"),
        pytest.param(None, "", "missing", "missing", id="null"),
        pytest.param("", "", "empty", "empty", id="empty"),
        pytest.param("soon", "soon", "not_a_time", "ISO 8601", id="a word"),
        pytest.param("2025-02-30", "2025-02-30", "not_a_time", "not a time", id="no such day"),
        pytest.param("2025-13-01", "2025-13-01", "not_a_time", "not a time", id="no such month"),
        pytest.param("17/02/2025", "17/02/2025", "not_a_time", "not a time", id="slashes"),
        pytest.param("2025-02-17 25:00", "2025-02-17 25:00", "not_a_time", "not a", id="25 h"),
        pytest.param("1.2.3", "1.2.3", "not_a_time", "not a time", id="two dots"),
        pytest.param("1e9", "1e9", "not_a_time", "not a time", id="an exponent"),
        pytest.param(True, "true", "wrong_type", "a string or a number", id="true"),
        pytest.param({"a": 1}, '{"a": 1}', "wrong_type", "a string or a number", id="an object"),
        pytest.param("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "out_of_range",
                     "before 1970", id="before 1970"),
        pytest.param(-1, "-1", "out_of_range", "before 1970", id="below zero"),
        pytest.param(-0.5, "-0.5", "out_of_range", "before 1970", id="a little below zero"),
        pytest.param("-1", "-1", "out_of_range", "before 1970", id="below zero as text"),
        pytest.param(-(10**30), "-1" + "0" * 30, "out_of_range", "before 1970", id="far below"),
        pytest.param("2999-01-01", "2999-01-01", "out_of_range", "in the future.", id="far ahead"),
        pytest.param(NOW // SECOND + 86_401, "1800086401", "out_of_range", "than a day in",
                     id="a day and a second ahead"),
        pytest.param(1739779391250, "1739779391250", "out_of_range", "looks like milliseconds",
                     id="milliseconds"),
        pytest.param("1739779391250", "1739779391250", "out_of_range", "looks like milliseconds",
                     id="milliseconds as text"),
        pytest.param(1739779391250000, "1739779391250000", "out_of_range",
                     "looks like microseconds", id="microseconds"),
        pytest.param(1739779391250000000, "1739779391250000000", "out_of_range",
                     "looks like nanoseconds", id="nanoseconds"),
        pytest.param(1e300, "1e+300", "out_of_range", "in the future.", id="a huge number"),
        pytest.param("9" * 400, "9" * 200, "out_of_range", "in the future.", id="many digits"),
        pytest.param(10**400, "1" + "0" * 199, "out_of_range", "than a day", id="400 digits"),
    ],
)  # fmt: skip
def test_bad_times(value: object, shown: str, code: str, says: str) -> None:
    """Before 1970 and far ahead are mistakes, such as milliseconds; the reason says so."""
    found = problem(TRACK, inserted_at=value)
    assert (found.place, found.code) == ("/inserted_at", code)
    assert found.value.replace(".0", "") == shown or json.loads(found.value) == json.loads(shown)
    assert says in found.reason
