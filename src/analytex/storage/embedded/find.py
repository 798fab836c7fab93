"""Looking for users and companies: by how their ids begin, or one by one, as far as is said.

Only the beginning of an id has an index. Everything else is looked for in a bounded number of
profiles, so that no search takes long, however many there are.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final, TypeVar

import msgspec

from analytex import sqlite
from analytex.domain.profiles import Company, Profile, ProfileFilter, User
from analytex.domain.values import Json
from analytex.storage.embedded import rows

_SQL: Final = sqlite.queries(__package__, "find.sql")

_PROPERTIES: Final = -4  # their place in a row of either table
_decode: Final = msgspec.json.Decoder(dict[str, Json]).decode

Found = TypeVar("Found", bound=Profile)


def users(
    db: sqlite3.Connection,
    environment_id: int,
    wanted: ProfileFilter,
    *,
    after: str,
    look_at: int,
    limit: int,
) -> tuple[list[User], str | None]:
    """Return users that fit, and behind which id to look on (see `ReadStore.find_users`)."""
    values = _values(environment_id, wanted, after, look_at)
    return _find(db, ("users", "last_user"), rows.user, values, wanted, limit)


def companies(
    db: sqlite3.Connection,
    environment_id: int,
    wanted: ProfileFilter,
    *,
    after: str,
    look_at: int,
    limit: int,
) -> tuple[list[Company], str | None]:
    """Return companies that fit, and behind which id to look on."""
    values = _values(environment_id, wanted, after, look_at)
    return _find(db, ("companies", "last_company"), rows.company, values, wanted, limit)


def _find(
    db: sqlite3.Connection,
    queries: tuple[str, str],
    made: Callable[[tuple[Any, ...]], Found],
    values: dict[str, Any],
    wanted: ProfileFilter,
    limit: int,
) -> tuple[list[Found], str | None]:
    text = None if wanted.text is None else _small(wanted.text)
    found: list[Found] = []
    with closing(db.execute(_SQL[queries[0]], values)) as cursor:
        for row in cursor:
            if text is None or _has_value(row[_PROPERTIES], text):
                if len(found) == limit:  # so there is one more
                    return found, found[-1].id
                found.append(made(row))
    last = db.execute(_SQL[queries[1]], values).fetchone()
    return found, None if last is None else str(last[0])


def _values(environment_id: int, wanted: ProfileFilter, after: str, look_at: int) -> dict[str, Any]:
    return {
        "environment_id": environment_id,
        "start": max(wanted.begin, after),  # characters have the order of their UTF-8
        "end": wanted.begin.encode() + b"\xff",  # behind every text that begins so
        "after": after,
        "look_at": look_at,
        "company_id": wanted.company_id,
        **_spellings(wanted.text),
    }


def _spellings(text: str | None) -> dict[str, str | None]:
    """Return how the JSON of a value that holds the text may be spelt; values are as sent."""
    if text is None:
        return dict.fromkeys(("text", "ascii", "slashes"))
    ascii = json.dumps(text)[1:-1]
    spelt = {
        "text": msgspec.json.encode(text)[1:-1].decode(),
        "ascii": ascii,
        "slashes": ascii.replace("/", "\\/"),
    }
    return {name: _small(each).decode() for name, each in spelt.items()}


def _has_value(properties: str, text: bytes) -> bool:
    return any(text in _value(value) for value in _decode(properties).values())


def _value(value: Json) -> bytes:
    raw = bytes(value)
    return _small(msgspec.json.decode(raw, type=str)) if raw[:1] == b'"' else raw.lower()


def _small(text: str) -> bytes:
    return text.encode().lower()  # A to Z, as SQLite's lower()
