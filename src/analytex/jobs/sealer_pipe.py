"""What the applier and the process that works on history say to each other.

The process gets its orders as one line of JSON on standard input, and then `go` lines, one for each
of its messages that needs an answer. It writes messages to standard output, each as 4 bytes of
length (big-endian) and JSON. It ends with its work, or when standard input does.
"""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Final

import msgspec

from analytex.domain.history import Report
from analytex.domain.profiles import Company, ProfileKind, User
from analytex.errors import Unavailable

GO: Final = b"go\n"
_READ_BYTES: Final = 1024 * 1024


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
_decode_orders: Final = msgspec.json.Decoder(Orders).decode


class SealerDied(Unavailable):
    """The process that works on history ended before its work."""


class Run:
    """The process, seen from the applier."""

    def __init__(self, orders: Orders) -> None:
        """Start it. Raises OSError."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._came = bytearray()
        self.ended = False
        self._write(_encode(orders) + b"\n")

    def next(self) -> Message | None:
        """Return the next message; None if there is none yet, or `ended` says that it was the last.

        Raises SealerDied.
        """
        while (message := self._message()) is None:
            try:
                came = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                return None
            if not came:
                if code := self._process.wait():
                    raise SealerDied(details=f"Exit code {code}.")
                self.ended = True
                return None
            self._came += came
        return message

    def go(self) -> None:
        """Let it go on behind a message that needs an answer."""
        self._write(GO)

    def fileno(self) -> int:
        """Return what to wait on for the next message."""
        return self._pipe

    def close(self) -> None:
        """End it, wherever it is: what it did is found done."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: `next` finds out
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _message(self) -> Message | None:
        if len(self._came) < 4:
            return None
        end = 4 + int.from_bytes(self._came[:4], "big")
        if len(self._came) < end:
            return None
        text = bytes(memoryview(self._came)[4:end])
        del self._came[:end]
        message: Message = _decode(text)
        return message


class Line:
    """The applier, seen from the process."""

    def orders(self) -> Orders:
        """Return what to do."""
        return _decode_orders(sys.stdin.buffer.readline())

    def say(self, message: Message) -> None:
        """Write a message."""
        text = _encode(message)
        sys.stdout.buffer.write(len(text).to_bytes(4, "big") + text)
        sys.stdout.buffer.flush()

    def wait(self) -> None:
        """Wait until the applier has dealt with everything. Ends the process if it is gone."""
        if sys.stdin.buffer.readline() != GO:
            os._exit(0)


MODULE = "analytex.jobs.sealer"
