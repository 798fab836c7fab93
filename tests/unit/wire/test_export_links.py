"""Links to files: whoever has one needs no key, so nobody else may make one."""

from urllib.parse import parse_qs, urlsplit

import pytest

from analytex.wire.export_links import is_valid, link

SECRET = b"secret"


def asked(address: str) -> tuple[str, str, dict[str, str]]:
    """Return what a request for an address holds."""
    parts = urlsplit(address)
    id, name = parts.path.split("/")[-2:]
    return id, name, {key: values[0] for key, values in parse_qs(parts.query).items()}


def valid(address: str, *, now: float = 0, secret: bytes = SECRET) -> bool:
    """Tell whether a link is valid."""
    id, name, given = asked(address)
    return is_valid(secret, id, name, expires="", signature="", now=now) or is_valid(
        secret, id, name, **given, now=now
    )


def test_a_link_works_until_it_ends() -> None:
    """Two days are two days."""
    made = link(SECRET, "one", "events.csv", expires=1000)

    assert valid(made, now=999.9)
    assert not valid(made, now=1000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("one", "two"),
        ("events.csv", "other.csv"),
        ("expires=1000", "expires=9000"),
        ("expires=1000", "expires=+1000"),
        ("signature=", "signature=0"),
        ("signature=", "signature=%C3%BC"),
    ],
)
def test_a_link_that_was_changed_does_not_work(old: str, new: str) -> None:
    """Of another export, another file, for longer."""
    made = link(SECRET, "one", "events.csv", expires=1000)

    assert valid(made)
    assert not valid(made.replace(old, new))


def test_a_link_of_another_server_does_not_work() -> None:
    """Each has a secret of its own."""
    assert not valid(link(b"other", "one", "events.csv", expires=1000))
