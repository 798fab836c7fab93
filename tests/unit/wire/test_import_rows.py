"""Rows of imports: what each becomes, and what is said of a wrong one (contract 6.2, 6.3)."""

import json
from typing import Any, Final

import pytest

from analytex.domain.events import Event, EventType
from analytex.wire import import_rows, user_agents
from analytex.wire.rows import RowProblem

SECOND: Final = 1_000_000
NOW: Final = 1_800_000_000 * SECOND
AT: Final = 1_739_779_391_250_000  # 2025-02-17 08:03:11.25
CHROME: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
TRACK: Final[dict[str, Any]] = {
    "event_type": "track",
    "user_id": "u-204",
    "event_name": "invoice_paid",
    "company_id": "c-31",
    "source": "backend-http-import",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"amount": 99.5},
}
PAGE_VIEW: Final[dict[str, Any]] = {
    "event_type": "page_view",
    "user_id": "u-204",
    "url": "https://app.example.org/reports",
    "user_agent": CHROME,
    "source": "web-client",
    "inserted_at": "2025-02-17 08:03:11.250000",
}
USER: Final[dict[str, Any]] = {
    "event_type": "identify_user",
    "user_id": "u-204",
    "source": "backend-segment",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"plan": "team"},
}
COMPANY: Final[dict[str, Any]] = {
    "event_type": "identify_company",
    "company_id": "c-31",
    "source": "backend-hubspot",
    "inserted_at": "2025-02-17 08:03:11.250000",
    "metadata": {"seats": 9},
}

decode = import_rows.decoder(7, NOW)


def event(row: dict[str, Any], **changes: Any) -> Event:
    """Return the event of a row; a change to `...` takes the field out."""
    return decode(raw(row, **changes), 1)


def raw(row: dict[str, Any], **changes: Any) -> bytes:
    changed = {field: value for field, value in (row | changes).items() if value is not ...}
    return json.dumps(changed, ensure_ascii=False).encode() + b"\n"


def as_cells(row: dict[str, Any], **changes: Any) -> Event:
    """Return the event of the same row in CSV."""
    changed = {field: value for field, value in (row | changes).items() if value is not ...}
    cells = [v if isinstance(v, str) else json.dumps(v) for v in changed.values()]
    return import_rows.cells_decoder(list(changed), 7, NOW)(cells, 1)


def web(event: Event) -> dict[str, Any] | None:
    """Return what is known of where it happened."""
    found: dict[str, Any] | None = None if event.web is None else json.loads(event.web)
    return found


def problem(row: dict[str, Any], **changes: Any) -> RowProblem:
    """Return what is wrong with a row."""
    with pytest.raises(RowProblem) as caught:
        event(row, **changes)
    assert caught.value.reason.endswith(".")
    return caught.value


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


@pytest.mark.parametrize("row", [TRACK, PAGE_VIEW, USER], ids=lambda row: row["event_type"])
@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"hostname": "h", "pathname": "/"}, None, id="host, path, agent"),
        pytest.param({"url": "https://h"}, None, id="url, agent"),
        pytest.param({"pathname": "/"}, "/hostname", id="no host"),
        pytest.param({"hostname": "h"}, "/pathname", id="no path"),
        pytest.param({"hostname": "h", "pathname": ""}, "/pathname", id="path empty"),
        pytest.param({"url": "", "hostname": "h"}, "/pathname", id="url empty"),
        pytest.param({"url": "https://h", "user_agent": ...}, "/user_agent", id="no agent"),
        pytest.param({"url": "https://h", "user_agent": ""}, "/user_agent", id="agent empty"),
    ],
)
def test_what_a_web_client_needs(
    row: dict[str, Any], changes: dict[str, Any], place: str | None
) -> None:
    """Where it was and what it was (contract 6.3)."""
    row = row | {"source": "web-client", "url": ..., "user_agent": CHROME}
    if place is None:
        found = web(event(row, **changes))
        assert found is not None
        assert (found["hostname"], found["pathname"]) == ("h", "/")
    else:
        assert problem(row, **changes).place == place


def test_a_page_view_needs_its_page_from_every_source() -> None:
    """But no user agent, if it is not of a web client."""
    row = PAGE_VIEW | {"source": "backend-http", "url": ..., "user_agent": ...}
    assert problem(row).place == "/hostname"
    assert web(event(row, hostname="h", pathname="/p")) == {"hostname": "h", "pathname": "/p"}


@pytest.mark.parametrize(
    ("url", "hostname", "pathname"),
    [
        ("https://app.example.org/reports", "app.example.org", "/reports"),
        ("https://app.example.org", "app.example.org", "/"),
        ("https://app.example.org?a=1#b", "app.example.org", "/"),
        ("https://ada:secret@App.Example.ORG:8443/A/b?c=d#e", "app.example.org", "/A/b"),
        ("//app.example.org/x", "app.example.org", "/x"),
        ("https://[2001:db8::1]/x", "2001:db8::1", "/x"),
        ("https://żółw.example/ż", "żółw.example", "/ż"),
        (" https://app.example.org/x", "app.example.org", "/x"),
    ],
)
def test_url_overrides_hostname_and_pathname(url: str, hostname: str, pathname: str) -> None:
    """Host without port and in small letters, path without query (contract 6.3)."""
    found = web(event(TRACK, url=url, hostname="other", pathname="/other"))
    assert found == {"hostname": hostname, "pathname": pathname}


@pytest.mark.parametrize(
    ("user_agent", "browser", "operating_system"),
    [
        pytest.param(CHROME, "Chrome", "Windows", id="both are known"),
        pytest.param("curl/8.1", "curl", "given", id="only one is known"),
        pytest.param("something new", "given", "given", id="neither is known"),
        pytest.param("", "given", "given", id="no user agent"),
    ],
)
def test_browser_and_operating_system_come_from_the_user_agent(
    user_agent: str, browser: str, operating_system: str
) -> None:
    """What it does not tell stays as the row has it (contract 6.3)."""
    found = web(event(TRACK, user_agent=user_agent, browser="given", operating_system="given"))
    assert found is not None
    assert (found["browser"], found["operating_system"]) == (browser, operating_system)


@pytest.mark.parametrize(
    ("value", "pixels"),
    [(1920, 1920), ("1920", 1920), (0, 0), ("0", 0), (1920.0, 1920), ("1920.0", 1920),
     (" 12 ", 12), (2**31 - 1, 2**31 - 1)],
)  # fmt: skip
def test_screens_are_whole_numbers(value: object, pixels: int) -> None:
    """As numbers or as text; some writers add a fraction of zero."""
    assert web(event(TRACK, screen_width=value)) == {"screen_width": pixels}
    assert web(event(TRACK, screen_height=value)) == {"screen_height": pixels}


FIELDS: Final = ["hostname", "pathname", "device_type", "operating_system", "browser",
                 "browser_language", "country_code"]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_other_texts_stay_as_given(field: str) -> None:
    """Of every kind of row but a company's."""
    assert web(event(TRACK, **{field: "As Given"})) == {field: "As Given"}
    assert web(event(USER, **{field: "x" * 4096})) == {field: "x" * 4096}


@pytest.mark.parametrize("absent", [None, ""], ids=["null", "empty"])
@pytest.mark.parametrize(
    "field", ["company_id", "url", "user_agent", "screen_width", "screen_height", *FIELDS]
)
def test_null_and_empty_are_absent(field: str, absent: str | None) -> None:
    """So that a table with holes can be imported; the row is the same one."""
    row = TRACK | {"company_id": ...}
    assert event(row, **{field: absent}) == event(row)
    if absent == "":
        assert as_cells(row, **{field: absent}) == event(row)


def test_a_row_of_numbers() -> None:
    """Ids from a system that holds numbers (conflict C21)."""
    found = event(TRACK, user_id=12, company_id=31.0)
    assert (found.user_id, found.company_id) == ("12", "31")


def test_unknown_keys_are_ignored() -> None:
    """An export has more columns than an import."""
    assert event(TRACK, app_token="NX-0", session={"a": [1]}) == event(TRACK)


SAME: Final = event(TRACK).id


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(raw(TRACK), id="as it is"),
        pytest.param(raw(TRACK).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(json.dumps(TRACK, separators=(",", ":")).encode(), id="without spaces"),
        pytest.param(json.dumps(TRACK, sort_keys=True).encode(), id="keys in another order"),
        pytest.param(raw(TRACK, inserted_at=1739779391.25), id="the time otherwise"),
        pytest.param(raw(TRACK, other=1, browser=None), id="with more keys"),
        pytest.param(raw(TRACK).replace(b"u-204", b"u\\u002d204"), id="escaped"),
        pytest.param(raw(TRACK).replace(b"99.5", b"99.50"), id="the number otherwise"),
    ],
)
def test_the_same_row_has_the_same_id(row: bytes) -> None:
    """A file that is uploaded again, however it was made, changes nothing."""
    assert decode(row, 99).id == SAME


def test_the_same_row_in_csv_has_the_same_id() -> None:
    """With its metadata in a cell, or in columns."""
    assert as_cells(TRACK) == event(TRACK)
    assert as_cells(TRACK | {"metadata": ..., "metadata.amount": "99.5"}).id == SAME
    assert as_cells(PAGE_VIEW) == event(PAGE_VIEW)
    assert as_cells(COMPANY) == event(COMPANY)


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "identify_user"},
        {"user_id": "u-205"},
        {"company_id": None},
        {"company_id": "c-32"},
        {"event_name": "invoice_sent"},
        {"source": "backend-http"},
        {"inserted_at": "2025-02-17 08:03:11.250001"},
        {"metadata": {"amount": "99.5"}},
        {"metadata": {"amount": 99.51}},
        {"metadata": {"amount": 99.5, "x": None}},
        {"metadata": {"amount": 10**30}},
        {"metadata": {"amount": 10**30 + 1}},
        {"metadata": {"a": {"mount": 99.5}}},
        {"browser": "Chrome"},
        {"device_type": "Chrome"},
        {"screen_width": 0},
        {"user_agent": CHROME},
    ],
    ids=str,
)
def test_another_row_has_another_id(changes: dict[str, Any]) -> None:
    """Everything that is stored counts."""
    assert event(TRACK, **changes).id != SAME


def test_ids_stay_what_they_are() -> None:
    """They are stored: another way to make them would import every file again."""
    assert SAME == "62e51f49a5e50ad613f6d26b38a05e62"
    assert event(PAGE_VIEW).id == "62e51f49a5e50bb583e07ea633926225"


def test_what_the_user_agent_is_taken_for_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are renewed with their package, and the file would be imported again."""
    first = event(PAGE_VIEW)
    monkeypatch.setattr(user_agents, "families", lambda _: user_agents.Families("Newer", None))
    again = event(PAGE_VIEW)
    assert again.id == first.id
    assert again.web != first.web


HEADER: Final = ["event_type", "user_id", "event_name", "source", "inserted_at", "metadata"]
CELLS: Final = ["track", "007", "paid", "backend-http", "2025-02-17", '{"a": [1]}']


def test_cells_are_fields() -> None:
    """Ids stay text, to the last zero."""
    found = import_rows.cells_decoder(HEADER, 7, NOW)(CELLS, 1)
    assert (found.user_id, found.event_name, found.metadata) == ("007", "paid", '{"a": [1]}')
    assert (found.company_id, found.web) == (None, None)


@pytest.mark.parametrize(
    ("column", "cell", "place", "code"),
    [
        pytest.param(0, "click", "event_type", "not_allowed", id="event type"),
        pytest.param(1, "", "user_id", "empty", id="no user"),
        pytest.param(2, "", "event_name", "empty", id="no event name"),
        pytest.param(3, "x", "source", "not_allowed", id="source"),
        pytest.param(4, "soon", "inserted_at", "not_a_time", id="time"),
        pytest.param(5, "{", "metadata", "not_json", id="metadata cut"),
        pytest.param(5, " ", "metadata", "not_json", id="metadata blank"),
        pytest.param(5, "[1]", "metadata", "wrong_type", id="metadata a list"),
        pytest.param(5, "plan=team", "metadata", "not_json", id="metadata no JSON"),
        pytest.param(
            5, '{"a":' + "[" * 63 + "]" * 63 + "}", "metadata", "nested_too_deeply", id="too deep"
        ),
    ],
)
def test_bad_cells(column: int, cell: str, place: str, code: str) -> None:
    """The error names the column."""
    cells = [*CELLS[:column], cell, *CELLS[column + 1 :]]
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(HEADER, 7, NOW)(cells, 1)
    assert (caught.value.place, caught.value.code) == (place, code)
    assert caught.value.value == cell[:200]


@pytest.mark.parametrize("cells", [CELLS[:-1], [*CELLS, ""], [""]], ids=["fewer", "more", "one"])
def test_a_row_has_as_many_cells_as_the_header(cells: list[str]) -> None:
    """Else nobody knows which is which."""
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(HEADER, 7, NOW)(cells, 1)
    assert (caught.value.place, caught.value.code) == ("", "wrong_column_count")


def test_a_column_that_is_not_there_is_missing() -> None:
    """As a key that is not there."""
    with pytest.raises(RowProblem) as caught:
        import_rows.cells_decoder(["event_type"], 7, NOW)(["track"], 1)
    assert (caught.value.place, caught.value.code) == ("source", "missing")
