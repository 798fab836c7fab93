"""What the applier and a process that exports say to each other.

The process gets its orders as one line of JSON on standard input, which then stays open as long as
the applier lives. It writes messages to standard output, a line of JSON each, and ends after `Done`
or `Problem`.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

import msgspec

from analytex.domain.exports import ExportFile, ExportRequest

MODULE: Final = "analytex.jobs.exporting"
_READ_BYTES: Final = 65536


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
_decode_orders: Final = msgspec.json.Decoder(Orders).decode


class ExporterDied(Exception):
    """The process ended before its work."""


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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        self._came = bytearray()
        os.set_blocking(self._pipe, False)
        with suppress(BrokenPipeError):  # it died at once: `next` finds out
            self._process.stdin.write(_encode(orders) + b"\n")
            self._process.stdin.flush()

    def next(self) -> Message | None:
        """Return the next message, or None if there is none yet. Raises ExporterDied."""
        while b"\n" not in self._came:
            try:
                came = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                return None
            if not came:
                raise ExporterDied(f"exit code {self._process.wait()}")
            self._came += came
        line, _, rest = self._came.partition(b"\n")
        self._came = rest
        message: Message = _decode(line)
        return message

    def close(self) -> None:
        """End it, wherever it is; it writes nothing any more on return."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def receive_orders() -> Orders:
    """Return what the applier told this process, which from now on ends with the applier."""
    orders = _decode_orders(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_applier, name="lifeline", daemon=True).start()
    return orders


def say(message: Message) -> None:
    """Write a message to the applier."""
    sys.stdout.buffer.write(_encode(message) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_applier() -> None:
    # Not through sys.stdin: its lock would be held when the process ends.
    while os.read(0, _READ_BYTES):
        pass
    os._exit(0)
