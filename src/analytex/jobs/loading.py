"""Chunks of a job's file: read here, or for a large file by a process of its own.

A process of its own uses another processor, gives its memory back, and dies alone if a file is too
much for it (`pipe.py`). It says chunks, each as a byte of kind (`_CHUNK`, `_PROBLEM`) and
MessagePack, and ends when the file does, or nobody reads.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

from analytex.domain.jobs import Chunk, JobKind, Mark, RowsFile
from analytex.jobs import pipe
from analytex.jobs.pipe import Ended, Process
from analytex.jobs.reading import FileProblem, chunks, decoders

SMALL_BYTES: Final = 1024 * 1024  # up to this a new process takes longer than the reading
ROWS: Final = 1000  # in a chunk
NICENESS: Final = 5  # on top of the applier's own: what is live goes first (nice(2))
PIPE_BYTES: Final = 1024 * 1024  # so that a chunk is ready while the one before is stored
_CHUNK: Final = 0
_PROBLEM: Final = 1

_encode = msgspec.msgpack.Encoder().encode
_decode_chunk = msgspec.msgpack.Decoder(Chunk).decode
_decode_problem = msgspec.msgpack.Decoder(str).decode


class LoadOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What to read, and from where on."""

    kind: JobKind
    file: RowsFile
    path: str
    environment_id: int
    at: int  #: time of the rows of a bulk job; microseconds since 1970-01-01 UTC
    process: str  #: 7 hexadecimal digits, in the ids of a bulk job's events
    now: int  #: rows from farther ahead than a day are refused
    row_bytes: int
    rows: int = ROWS
    start: Mark


class Loading(Protocol):
    """A file that is being read."""

    def next(self) -> Chunk | None:
        """Return the next chunk, or None if it is not ready; after the last one do not ask.

        Raises FileProblem if the file ends before its time, LoaderDied, and OSError.
        """

    def fileno(self) -> int | None:
        """Return what to wait on for the next chunk; None: do not wait."""

    def close(self) -> None:
        """Stop."""


class LoaderDied(Exception):
    """The process that read the file ended before the file did."""


def load(orders: LoadOrders) -> Loading:
    """Begin to read a file. Raises OSError if no process can be started for it."""
    return LoadHere(orders) if orders.file.size <= SMALL_BYTES else LoadBeside(orders)


class LoadHere:
    """Reads in this process."""

    def __init__(self, orders: LoadOrders) -> None:
        self._chunks: Iterator[Chunk] = read(orders)

    def next(self) -> Chunk | None:
        """Return the next chunk."""
        return next(self._chunks)

    def fileno(self) -> int | None:
        """Return None: the next chunk is made when it is asked for."""
        return None

    def close(self) -> None:
        """Stop; the file is closed with the iterator that reads it."""
        self._chunks = iter(())


class LoadBeside:
    """Reads in a process of its own."""

    def __init__(self, orders: LoadOrders) -> None:
        self._process = Process(__name__, orders, pipe_bytes=PIPE_BYTES)

    def next(self) -> Chunk | None:
        """Return the next chunk, or None if it is not ready."""
        try:
            frame = self._process.next()
        except Ended as ended:
            raise LoaderDied(str(ended)) from ended
        if frame is None:
            return None
        if frame[0] == _PROBLEM:
            raise FileProblem(_decode_problem(frame[1:]))
        return _decode_chunk(frame[1:])

    def fileno(self) -> int | None:
        """Return the pipe from the process."""
        return self._process.fileno()

    def close(self) -> None:
        """End the process."""
        self._process.close()


def read(orders: LoadOrders) -> Iterator[Chunk]:
    """Yield the chunks of a file. Raises FileProblem, and OSError if it cannot be read."""
    turned = decoders(
        orders.kind,
        orders.environment_id,
        at=orders.at,
        process=orders.process,
        now=orders.now,
    )
    return chunks(
        orders.file,
        Path(orders.path),
        turned,
        orders.start,
        rows=orders.rows,
        row_bytes=orders.row_bytes,
    )


def _write(kind: int, value: object) -> None:
    pipe.say(bytes((kind,)) + _encode(value))


def _stand_back() -> None:
    """Let whoever answers a call have this processor at once, not at the end of a slice."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # sched(7), Linux only
    except (AttributeError, OSError):
        os.nice(NICENESS)


def main() -> None:
    """Read as ordered, until the file ends or nobody reads on."""
    orders = pipe.orders(LoadOrders)
    _stand_back()
    try:
        for chunk in read(orders):
            _write(_CHUNK, chunk)
    except FileProblem as problem:
        _write(_PROBLEM, str(problem))
    except BrokenPipeError:
        os._exit(0)  # the reader is gone, and so is whom to tell
    except OSError as error:
        _write(_PROBLEM, f"Its file cannot be read: {error}.")


if __name__ == "__main__":
    main()
