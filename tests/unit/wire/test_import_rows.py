"""Rows of imports: what each becomes, and what is said of a wrong one (contract 6.2, 6.3)."""

from typing import Any, Final

import pytest

from analytex.domain.events import Event, EventType
from analytex.wire import import_rows
from tests.unit.wire.imported import (
    AT,
    CHROME,
    COMPANY,
    PAGE_VIEW,
    TRACK,
    USER,
    event,
    problem,
    web,
)


def test_a_track_row() -> None:
    """It keeps its company and its metadata as they came."""
    assert event(TRACK) == Event(
        id=event(TRACK).id,
        environment_id=7,
        event_type=EventType.TRACK,
        event_name="invoice_paid",
        user_id="u-204",
        company_id="c-31",
        source="backend-http-import",
        inserted_at=AT,
        metadata='{"amount": 99.5}',
    )


def test_a_page_view_row() -> None:
    """Its address is taken apart, its user agent is recognised."""
    found = event(PAGE_VIEW, event_name="dropped")
    assert (found.event_type, found.event_name, found.metadata) == (EventType.PAGE_VIEW, "", "{}")
    assert (found.user_id, found.company_id, found.company) == ("u-204", None, None)
    assert web(found) == {
        "hostname": "app.example.org",
        "pathname": "/reports",
        "user_agent": CHROME,
        "operating_system": "Windows",
        "browser": "Chrome",
    }


def test_an_identify_user_row() -> None:
    """Naming a company makes the user its member; the row has no properties of the company."""
    alone, member = event(USER), event(USER, company_id="c-31")
    assert (alone.company_id, alone.company) == (None, None)
    assert (member.company_id, member.company) == ("c-31", "{}")
    assert alone.metadata == member.metadata == '{"plan": "team"}'
    assert event(USER, event_name="dropped").event_name == ""


def test_an_identify_company_row_keeps_only_what_is_a_companys() -> None:
    """Whatever else stands in it (contract 6.3)."""
    found = event(
        COMPANY, user_id={"not": "read"}, event_name=5, url="x", browser=[], screen_width=-1
    )
    assert found == event(COMPANY)
    assert (found.event_type, found.company_id) == (EventType.IDENTIFY_COMPANY, "c-31")
    assert (found.user_id, found.event_name, found.company, found.web) == (None, "", None, None)


@pytest.mark.parametrize("source", import_rows.SOURCES)
def test_sources(source: str) -> None:
    """Those of the contract."""
    assert event(PAGE_VIEW, source=source).source == source
    assert event(COMPANY, source=source).source == source


ABSENT: Final = {"metadata": ...}, {"metadata": None}


@pytest.mark.parametrize("absent", ABSENT, ids=["missing", "null"])
@pytest.mark.parametrize("row", [TRACK, PAGE_VIEW, USER, COMPANY], ids=lambda r: r["event_type"])
def test_missing_metadata_is_an_empty_object(row: dict[str, Any], absent: dict[str, Any]) -> None:
    """Of every kind of row (contract 6.3)."""
    assert event(row, **absent).metadata == "{}"


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        pytest.param({"event_type": ...}, "/event_type", "missing", id="no event type"),
        pytest.param({"event_type": ""}, "/event_type", "empty", id="event type empty"),
        pytest.param({"event_type": "click"}, "/event_type", "not_allowed", id="another type"),
        pytest.param({"event_type": "Track"}, "/event_type", "not_allowed", id="a capital"),
        pytest.param({"event_type": 3}, "/event_type", "wrong_type", id="type a number"),
        pytest.param({"source": ...}, "/source", "missing", id="no source"),
        pytest.param({"source": ""}, "/source", "empty", id="source empty"),
        pytest.param({"source": "backend"}, "/source", "not_allowed", id="another source"),
        pytest.param({"source": ["web-client"]}, "/source", "wrong_type", id="source a list"),
        pytest.param({"user_id": ...}, "/user_id", "missing", id="no user"),
        pytest.param({"user_id": None}, "/user_id", "missing", id="user null"),
        pytest.param({"user_id": ""}, "/user_id", "empty", id="user empty"),
        pytest.param({"user_id": False}, "/user_id", "wrong_type", id="user false"),
        pytest.param({"user_id": "x" * 513}, "/user_id", "too_long", id="user too long"),
        pytest.param({"company_id": {}}, "/company_id", "wrong_type", id="company an object"),
        pytest.param({"company_id": "x" * 513}, "/company_id", "too_long", id="company too long"),
        pytest.param({"event_name": ...}, "/event_name", "missing", id="no event name"),
        pytest.param({"event_name": None}, "/event_name", "missing", id="event name null"),
        pytest.param({"event_name": ""}, "/event_name", "empty", id="event name empty"),
        pytest.param({"event_name": 5}, "/event_name", "wrong_type", id="event name a number"),
        pytest.param({"event_name": "x" * 513}, "/event_name", "too_long", id="name too long"),
        pytest.param({"metadata": "{}"}, "/metadata", "wrong_type", id="metadata a text"),
        pytest.param({"metadata": []}, "/metadata", "wrong_type", id="metadata a list"),
        pytest.param({"browser": 5}, "/browser", "wrong_type", id="browser a number"),
        pytest.param({"browser": "x" * 4097}, "/browser", "too_long", id="browser too long"),
        pytest.param({"user_agent": "x" * 4097}, "/user_agent", "too_long", id="agent too long"),
        pytest.param({"hostname": "x" * 4097}, "/hostname", "too_long", id="host too long"),
        pytest.param({"country_code": []}, "/country_code", "wrong_type", id="country a list"),
        pytest.param({"url": "/reports"}, "/url", "not_a_url", id="url without a host"),
        pytest.param({"url": "app.example.org/x"}, "/url", "not_a_url", id="url without //"),
        pytest.param({"url": "https:///x"}, "/url", "not_a_url", id="url of no host"),
        pytest.param({"url": "https://[::1/x"}, "/url", "not_a_url", id="url of half a host"),
        pytest.param({"url": "https://a/" + "x" * 8192}, "/url", "too_long", id="url too long"),
        pytest.param({"url": 1}, "/url", "wrong_type", id="url a number"),
        pytest.param({"screen_width": -1}, "/screen_width", "out_of_range", id="width below 0"),
        pytest.param({"screen_width": 2**31}, "/screen_width", "out_of_range", id="width 2^31"),
        pytest.param({"screen_width": 10**40}, "/screen_width", "out_of_range", id="width huge"),
        pytest.param({"screen_width": "9" * 99}, "/screen_width", "out_of_range", id="99 digits"),
        pytest.param({"screen_width": 1.5}, "/screen_width", "wrong_type", id="width a fraction"),
        pytest.param({"screen_width": "wide"}, "/screen_width", "wrong_type", id="width a word"),
        pytest.param({"screen_width": "1e3"}, "/screen_width", "wrong_type", id="an exponent"),
        pytest.param({"screen_width": True}, "/screen_width", "wrong_type", id="width true"),
        pytest.param({"screen_height": "-1"}, "/screen_height", "out_of_range", id="height"),
        pytest.param({"source": "web-client"}, "/hostname", "missing", id="web-client, no host"),
    ],
)  # fmt: skip
def test_bad_rows(changes: dict[str, Any], place: str, code: str) -> None:
    """The error points to the field and has a code for programs."""
    found = problem(TRACK, **changes)
    assert (found.place, found.code) == (place, code)


def test_a_row_of_numbers() -> None:
    """Ids from a system that holds numbers (conflict C21)."""
    found = event(TRACK, user_id=12, company_id=31.0)
    assert (found.user_id, found.company_id) == ("12", "31")


def test_unknown_keys_are_ignored() -> None:
    """An export has more columns than an import."""
    assert event(TRACK, app_token="NX-0", session={"a": [1]}) == event(TRACK)
