"""Every error that can meet a sender has a status, and one form."""

import json

import pytest

from analytex import errors
from analytex.errors import AnalytexError, RateLimited, Retryable
from analytex.history.engine import TooSlow
from analytex.http.errors import STATUS, error_reply

NEVER_SENT = {
    errors.SettingsError,
    errors.DataDirectoryError,
    errors.BackupError,
    errors.Conflict,
    Retryable,
}


def test_every_error_has_a_status_or_is_never_sent() -> None:
    """A new error that is forgotten here would be a 500."""
    family = set(AnalytexError.__subclasses__()) | set(Retryable.__subclasses__())
    of_the_console = {each for each in family if each.__module__.startswith("analytex.console.")}
    assert set(STATUS) == family - NEVER_SENT - of_the_console  # whose pages have a table too


def test_an_error_of_a_kind_has_the_status_of_its_kind() -> None:
    """A question that takes too long is unavailable, and not a fault of ours."""
    assert error_reply(TooSlow()).status == 503


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_an_error_becomes_the_documented_reply(kind: type[AnalytexError]) -> None:
    """The class's sentence is the message unless a better one was given."""
    reply = error_reply(kind(details="Because."))
    [item] = json.loads(reply.body)["errors"]

    assert reply.status == STATUS[kind]
    assert item == {
        "error": kind.code,
        "error_code": str(reply.status),
        "message": (kind.__doc__ or "").partition("\n")[0],
        "details": "Because.",
    }
    assert ("retry-after" in reply.headers) is issubclass(kind, Retryable)


def test_retry_after_is_in_seconds() -> None:
    """As the error says."""
    assert error_reply(RateLimited(retry_after_s=17)).headers == {"retry-after": "17"}


def test_an_unknown_error_is_a_500() -> None:
    """With the code that the documents name."""
    assert error_reply(AnalytexError()).status == 500
    assert b'"error":"internal"' in error_reply(AnalytexError()).body
