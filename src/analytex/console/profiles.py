"""What the pages of users and those of companies have in common: words, addresses, room."""

from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from markupsafe import escape

from analytex.console.links import LONGEST
from analytex.domain.jobs import JobKind
from analytex.domain.profiles import Profile, ProfileKind
from analytex.domain.values import Json


class Words(NamedTuple):
    """How one kind of profile is called, and where its pages are."""

    kind: ProfileKind
    one: str
    many: str
    title: str
    place: str  #: its list; below it is the page of each
    others: str  #: its other pages, which take the id as a parameter
    deletion: JobKind


USERS: Final = Words(
    ProfileKind.USER,
    "user",
    "users",
    "Users",
    "/console/users",
    "/console/profiles/users",
    JobKind.DELETE_USERS,
)
COMPANIES: Final = Words(
    ProfileKind.COMPANY,
    "company",
    "companies",
    "Companies",
    "/console/companies",
    "/console/profiles/companies",
    JobKind.DELETE_COMPANIES,
)

#: What tells people who it is, besides the id.
NAMES: Final = ("name", "email")

_DOTS: Final = frozenset((".", ".."))


def page_of(words: Words, id: str, **parameters: str) -> str:
    """Return where the page of a profile is."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    if id in _DOTS:  # browsers take them for steps of the path, however they are written
        return with_id(words, "one", id, **parameters)
    return f"{words.place}/{quote(id, safe='')}{query}"


def link_to(words: Words, id: str) -> str:
    """Return where the page of a profile is; empty if that is too long for a list (`links`)."""
    address = page_of(words, id)
    return address if len(address) <= LONGEST else ""


def with_id(words: Words, page: str, id: str, **parameters: str) -> str:
    """Return where another page about a profile is."""
    return f"{words.others}/{page}?{urlencode({'id': id, **parameters})}"


def value_text(value: Json) -> str:
    """Return a value as it is shown: a string as it is, everything else as the JSON that came."""
    raw = bytes(value)
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()


def known_as(profile: Profile) -> str:
    """Return the name and the email address of a profile, as far as it has them."""
    found = [value_text(profile.properties[name]) for name in NAMES if name in profile.properties]
    return " · ".join(cut(each, 80) for each in found if each.strip())


def cut(text: str, at_most: int) -> str:
    """Return as much of a text as is shown."""
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


class Room:
    """How many bytes of what people wrote a page still has room for."""

    def __init__(self, bytes: int) -> None:
        self._left = bytes
        self._begun = False

    def take(self, *texts: str, besides: int = 0) -> bool:
        """Tell whether there is room for the texts as HTML, and take it; the first always has it.

        `besides` are bytes of the page's own around them.
        """
        size = besides + sum(len(str(escape(text)).encode()) for text in texts)
        if self._begun and size > self._left:
            return False
        self._begun = True
        self._left -= size
        return True
