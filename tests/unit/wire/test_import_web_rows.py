"""Where a row of an import happened: address, browser, operating system, screen (contract 6.3)."""

from typing import Any, Final

import pytest

from tests.unit.wire.imported import (
    CHROME,
    PAGE_VIEW,
    TRACK,
    USER,
    as_cells,
    event,
    problem,
    web,
)


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
