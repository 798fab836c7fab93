"""Who may see the metrics without a key."""

import pytest
from starlette.requests import Request

from analytex.http.operations import is_local


def request_from(host: str | None, *headers: str) -> Request:
    raw = [(name.encode(), b"203.0.113.9") for name in headers]
    client = None if host is None else (host, 4711)
    return Request({"type": "http", "headers": raw, "client": client})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself_is_local(host: str) -> None:
    """By whichever of its own addresses it was asked."""
    assert is_local(request_from(host))


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "10.0.0.1", "::", "2001:db8::1", "::ffff:192.0.2.1", "not-an-address", None],
)
def test_everybody_else_is_not(host: str | None) -> None:
    """Private networks have other machines in them."""
    assert not is_local(request_from(host))


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_what_a_proxy_passed_on_is_not_local(header: str) -> None:
    """The proxy is on this machine, and its client anywhere."""
    assert not is_local(request_from("127.0.0.1", header))
