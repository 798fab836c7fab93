"""Chunks of a job's file: read here, or for a large file by a process of its own.

A process of its own uses another processor, gives its memory back, and dies alone if a file is too
much for it. It is `python -m analytex.jobs.loading`: it gets its orders as one line of JSON on
standard input, and writes chunks to standard output, each as 4 bytes of length (big-endian), 1 byte
of kind (`_CHUNK`, `_PROBLEM`) and MessagePack. It ends when the file does, or nobody reads.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from analytex.domain.jobs import Chunk, JobKind, Mark, RowsFile
from analytex.jobs.reading import FileProblem, chunks, decoders

SMALL_BYTES: Final = 1024 * 1024  # up to this a new process takes longer than the reading
ROWS: Final = 1000  # in a chunk
NICENESS: Final = 5  # on top of the applier's own: what is live goes first (nice(2))
PIPE_BYTES: Final = 1024 * 1024  # so that a chunk is ready while the one before is stored
_READ_BYTES: Final = 1024 * 1024
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
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        self._came = bytearray()
        os.set_blocking(self._pipe, False)
        _widen(self._pipe)
        with suppress(BrokenPipeError):  # it died at once: `next` finds out
            self._process.stdin.write(msgspec.json.encode(orders) + b"\n")
            self._process.stdin.flush()

    def next(self) -> Chunk | None:
        """Return the next chunk, or None if it is not ready."""
        while (frame := self._frame()) is None:
            try:
                came = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                return None
            if not came:
                raise LoaderDied(f"exit code {self._process.wait()}")
            self._came += came
        if frame[0] == _PROBLEM:
            raise FileProblem(_decode_problem(frame[1:]))
        return _decode_chunk(frame[1:])

    def fileno(self) -> int | None:
        """Return the pipe from the process."""
        return self._pipe

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _frame(self) -> bytes | None:
        if len(self._came) < 4:
            return None
        end = 4 + int.from_bytes(self._came[:4], "big")
        if len(self._came) < end:
            return None
        frame = bytes(memoryview(self._came)[4:end])
        del self._came[:end]
        return frame


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


def _widen(pipe: int) -> None:
    with suppress(ImportError, OSError):  # Linux only (fcntl(2)), and bounded for a poor user
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _write(kind: int, value: object) -> None:
    frame = bytes((kind,)) + _encode(value)
    sys.stdout.buffer.write(len(frame).to_bytes(4, "big") + frame)
    sys.stdout.buffer.flush()


def _stand_back() -> None:
    """Let whoever answers a call have this processor at once, not at the end of a slice."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # sched(7), Linux only
    except (AttributeError, OSError):
        os.nice(NICENESS)


def main() -> None:
    """Read as ordered, until the file ends or nobody reads on."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=LoadOrders)
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
