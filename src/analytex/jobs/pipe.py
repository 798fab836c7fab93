"""A process that does one thing for the applier, and the pipes between them.

It is `python -m MODULE`. It gets its orders as one line of JSON on standard input, and says what it
has to say on standard output, in frames: 4 bytes of length (big-endian), and so many bytes.
"""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

READ_BYTES: Final = 1024 * 1024  # at a time
_HEAD: Final = 4

Orders = TypeVar("Orders", bound=msgspec.Struct)


class Ended(Exception):
    """The process has ended, and everything that it said was read."""

    def __init__(self, code: int) -> None:
        """`code`: its exit status; negative: the signal that ended it."""
        super().__init__(f"exit code {code}")
        self.code = code


class Process:
    """The process, seen from the applier."""

    def __init__(
        self, module: str, orders: msgspec.Struct, *, pipe_bytes: int | None = None
    ) -> None:
        """Start it. `pipe_bytes`: how much it may say before anybody reads. Raises OSError."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        self._came = bytearray()
        os.set_blocking(self._pipe, False)
        if pipe_bytes is not None:
            _widen(self._pipe, pipe_bytes)
        self.write(msgspec.json.encode(orders))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def next(self) -> bytes | None:
        """Return the next frame, or None if there is none yet. Raises Ended."""
        while (frame := self._frame()) is None:
            try:
                came = os.read(self._pipe, READ_BYTES)
            except BlockingIOError:
                return None
            if not came:
                raise Ended(self._process.wait())
            self._came += came
        return frame

    def write(self, line: bytes) -> None:
        """Say something to it."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: `next` finds out
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def fileno(self) -> int:
        """Return what to wait on for the next frame."""
        return self._pipe

    def close(self) -> None:
        """End it, wherever it is; it does nothing any more on return."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _frame(self) -> bytes | None:
        if len(self._came) < _HEAD:
            return None
        end = _HEAD + int.from_bytes(self._came[:_HEAD], "big")
        if len(self._came) < end:
            return None
        frame = bytes(memoryview(self._came)[_HEAD:end])
        del self._came[:end]
        return frame


def orders(type: type[Orders]) -> Orders:
    """Return the orders of this process."""
    return msgspec.json.decode(sys.stdin.buffer.readline(), type=type)


def say(frame: bytes) -> None:
    """Write a frame to the applier. Raises BrokenPipeError if it is gone."""
    sys.stdout.buffer.write(len(frame).to_bytes(_HEAD, "big") + frame)
    sys.stdout.buffer.flush()


def _widen(pipe: int, size: int) -> None:
    with suppress(ImportError, OSError):  # Linux only (fcntl(2)), and bounded for a poor user
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
