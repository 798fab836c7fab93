"""Times as senders write them (contract, conflict C16)."""

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000  # microseconds

_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FARTHEST: Final = 10_000 * 366 * 86_400 * SECOND  # fits in 64 bits


class FarTime(ValueError):
    """A number of seconds that is more than ten thousand years."""


def parse_time(text: str) -> int:
    """Return microseconds since 1970-01-01 UTC.

    Takes ISO 8601 (`2025-02-17T08:03:11Z`, `2025-02-17`), `2025-02-17 08:03:11.250000`, and Unix
    seconds (`1739779391`, `1739779391.25`); without a zone it is UTC. Raises ValueError, which is
    a FarTime if only the distance is wrong.
    """
    text = text.strip()
    # A dash after the year, as nearly all have it: no number then.
    if text[4:5] != "-" and text.lstrip("-").replace(".", "", 1).isdecimal():
        whole, _, fraction = text.partition(".")
        micros = int((fraction + "000000")[:6])
        return _near(int(whole or "0") * SECOND + (-micros if whole.startswith("-") else micros))
    moment = datetime.fromisoformat(text)
    return (moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND


def from_unix(seconds: float) -> int:
    """Return microseconds for Unix seconds that came as a number. Raises FarTime.

    A float counts as the shortest decimal text that means it, so `1739779391.1` is the same time
    as the text `"1739779391.1"`.
    """
    if isinstance(seconds, int):
        return _near(seconds * SECOND)
    text = repr(seconds)
    if "e" in text:  # below 0.0001 or from 1e16, where a text would have an exponent
        return _near(int(seconds * SECOND))
    return parse_time(text)


def _near(at: int) -> int:
    if abs(at) > _FARTHEST:
        raise FarTime("more than ten thousand years away")
    return at
