"""Times as senders write them (contract, conflict C16)."""

from datetime import UTC, datetime
from typing import Final

_FARTHEST: Final = 10_000 * 366 * 86_400 * 1_000_000  # fits in 64 bits


def parse_time(text: str) -> int:
    """Return microseconds since 1970-01-01 UTC.

    Takes ISO 8601 (`2025-02-17T08:03:11Z`, `2025-02-17`), `2025-02-17 08:03:11.250000`, and Unix
    seconds (`1739779391`, `1739779391.25`); without a zone it is UTC. Raises ValueError.
    """
    text = text.strip()
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        whole, _, fraction = text.partition(".")
        micros = int((fraction + "000000")[:6])
        at = int(whole or "0") * 1_000_000 + (-micros if whole.startswith("-") else micros)
        if abs(at) > _FARTHEST:
            raise ValueError("more than ten thousand years away")
        return at
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
