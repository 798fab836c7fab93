"""History: the files that hold sealed events, and what is known of them."""

from typing import Final, NamedTuple

import msgspec

from analytex.domain.times import SECOND

DAY: Final = 86_400 * SECOND  #: microseconds
FOLDER: Final = "history"  #: name in the data directory
NO_TABLE: Final = -1  #: the version of a table that does not exist yet


class HistoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the table of sealed events. It never changes; a better one takes its place."""

    path: str  #: inside the table's folder
    environment_id: int
    day: int  #: on which all its events happened, in days since 1970-01-01 UTC
    rows: int
    bytes: int
    oldest: int  #: `inserted_at` of its oldest event; microseconds since 1970-01-01 UTC
    newest: int  #: and of its newest


class Sealed(NamedTuple):
    """Where hot events end and history begins, as one moment of the store says."""

    upto: int  #: events up to this sequence are in history, those behind it in the store
    version: int  #: of the table, whose files the store lists; `NO_TABLE` at first
    changes: int  #: another number whenever hot events were changed or removed by a deletion


class Report(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the table is now, beside what the store knows of it."""

    sealed: int  #: events up to this sequence are in it
    version: int
    added: list[HistoryFile]
    #: files that are not part of it any more, and until when others may still read them
    removed: dict[str, int]
    swept: list[str] = msgspec.field(default_factory=list)  #: such files that are gone from disk


def day_of(at: int) -> int:
    """Return the day of a time, in days since 1970-01-01 UTC."""
    return at // DAY
