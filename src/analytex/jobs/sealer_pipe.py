"""What the applier and the process that works on history say to each other.

Behind its orders the process gets `go` lines, one for each of its messages that needs an answer. It
says messages as JSON, and ends with its work, or when standard input does.
"""

import os
import sys
from typing import Final

import msgspec

from analytex.domain.history import Report
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.errors import Unavailable
from analytex.jobs import pipe
from analytex.jobs.pipe import Ended, Process

GO: Final = b"go"
MODULE: Final = "analytex.jobs.sealer"


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """From when on events are kept; microseconds since 1970-01-01 UTC, None: all are."""

    default: int | None = None
    environments: dict[int, int | None] = {}

    def since(self, environment_id: int) -> int | None:
        """Return it for an environment."""
        return self.environments.get(environment_id, self.default)


class Seal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Move events up to a sequence into history."""

    upto: int


class Tidy(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Put small files together, and take out what is too old."""

    keep: Keep
    files: int  #: of a day are too many
    quiet_before: int  #: days that got no file since then get one in the place of several
    leave_until: int  #: until when others may read the files that were put together


class Erase(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Remove users or companies from history, up to a time."""

    environment_id: int
    kind: ProfileKind
    ids: list[str]
    at: int
    users: list[str]  #: of hot events of the companies; their older events are asked for as well


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the process shall do."""

    directory: str
    task: Seal | Tidy | Erase


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Rows that are not to be known as imported ones any more."""

    keys: list[bytes]


class Folded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What events in history give that are left after a deletion. Profiles may lack others."""

    users: list[User] = []
    companies: list[Company] = []


class Affected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Users that belong to a deleted company by events in history."""

    users: list[str]


class Collected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything before the files change was said."""


class Erased(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How many events were changed or removed."""

    events: int


Message = Report | Forget | Folded | Affected | Collected | Erased

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Message).decode


class SealerDied(Unavailable):
    """The process that works on history ended before its work."""


class Run:
    """The process, seen from the applier."""

    def __init__(self, orders: Orders) -> None:
        """Start it. Raises OSError."""
        self._process = Process(MODULE, orders)
        self.ended = False

    def next(self) -> Message | None:
        """Return the next message; None if there is none yet, or `ended` says that it was the last.

        Raises SealerDied.
        """
        try:
            frame = self._process.next()
        except Ended as ended:
            if ended.code:
                raise SealerDied(details=f"Exit code {ended.code}.") from ended
            self.ended = True
            return None
        return None if frame is None else _decode(frame)

    def go(self) -> None:
        """Let it go on behind a message that needs an answer."""
        self._process.write(GO)

    def fileno(self) -> int:
        """Return what to wait on for the next message."""
        return self._process.fileno()

    def close(self) -> None:
        """End it, wherever it is: what it did is found done."""
        self._process.close()


class Line:
    """The applier, seen from the process."""

    def orders(self) -> Orders:
        """Return what to do."""
        return pipe.orders(Orders)

    def say(self, message: Message) -> None:
        """Write a message."""
        pipe.say(_encode(message))

    def wait(self) -> None:
        """Wait until the applier has dealt with everything. Ends the process if it is gone."""
        if sys.stdin.buffer.readline().rstrip() != GO:
            os._exit(0)
