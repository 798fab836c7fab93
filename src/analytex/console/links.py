"""Addresses of pages about one thing, whose name may be anything (profiles: `profiles.py`)."""

from typing import Final
from urllib.parse import quote, urlencode

from analytex.console.addresses import Pairs

#: A longer address is no link: fifty of them would be more than a page may weigh. A name of 512
#: characters can take 6 kB.
LONGEST: Final = 1000


def event_link(name: str) -> str:
    """Return where the page of an event name is; empty if that would be too long, as below."""
    return _short(f"/console/events/name?name={quote(name, safe='')}")


def record_link(id: str, at: int | None = None) -> str:
    """Return where the page of one accepted call or imported row is.

    With `at`, its time in microseconds, a row is found at once, also in history; a call's id holds
    its time.
    """
    time = "" if at is None else f"?at={at}"
    return _short(f"/console/live/{quote(id, safe='')}{time}")


def values_link(property: str, event: str) -> str:
    """Return where the values of an event's property are counted."""
    return question_link("top", [("event", event), ("by", f"event.{property}")])


def question_link(question: str, pairs: Pairs) -> str:
    """Return where a question is asked."""
    return _short(f"/console/{question}?{urlencode(pairs)}")


def _short(address: str) -> str:
    return address if len(address) <= LONGEST else ""
