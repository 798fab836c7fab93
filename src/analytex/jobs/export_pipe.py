"""What the applier and a process that exports say to each other.

Standard input stays open as long as the applier lives. The process says messages as JSON, and ends
after `Done` or `Problem`.
"""

import os
import threading
from typing import Final

import msgspec

from analytex.domain.exports import ExportFile, ExportRequest
from analytex.jobs import pipe
from analytex.jobs.pipe import Ended, Process

MODULE: Final = "analytex.jobs.exporting"


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, and where."""

    directory: str  #: the data directory
    folder: str  #: of the export
    environment_id: int
    app_token: str
    request: ExportRequest
    chunks: list[str] | None  #: those that are left, in their order; None: look which there are


class Chunks(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Which chunks there are, and how many events they have together."""

    chunks: list[str]
    rows: int


class Written(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How many events of the present chunk are written."""

    rows: int


class Made(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file is ready, and on disk."""

    file: ExportFile


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Every file is ready."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It cannot go on: a sentence says why."""

    reason: str


Message = Chunks | Written | Made | Done | Problem

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Message).decode


class ExporterDied(Exception):
    """The process ended before its work."""


class Run:
    """The process, seen from the applier."""

    def __init__(self, orders: Orders) -> None:
        """Start it. Raises OSError."""
        self._process = Process(MODULE, orders)

    def next(self) -> Message | None:
        """Return the next message, or None if there is none yet. Raises ExporterDied."""
        try:
            frame = self._process.next()
        except Ended as ended:
            raise ExporterDied(str(ended)) from ended
        return None if frame is None else _decode(frame)

    def close(self) -> None:
        """End it, wherever it is; it writes nothing any more on return."""
        self._process.close()


def receive_orders() -> Orders:
    """Return what the applier told this process, which from now on ends with the applier."""
    orders = pipe.orders(Orders)
    threading.Thread(target=_end_with_applier, name="lifeline", daemon=True).start()
    return orders


def say(message: Message) -> None:
    """Write a message to the applier."""
    pipe.say(_encode(message))


def _end_with_applier() -> None:
    # Not through sys.stdin: its lock would be held when the process ends.
    while os.read(0, pipe.READ_BYTES):
        pass
    os._exit(0)
