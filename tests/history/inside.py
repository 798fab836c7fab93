"""Sealing inside the test's process, step by step: the process for it takes half a second."""

import queue
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from analytex.domain.history import Report
from analytex.history.engine import TEMPORARY
from analytex.history.reading import Engine
from analytex.jobs.sealer import Sealer
from analytex.jobs.sealer_pipe import (
    Erase,
    Keep,
    Line,
    Message,
    Orders,
    Seal,
    SealerDied,
    Tidy,
)
from analytex.storage.open import open_seal_store

DAY: Final = 86_400_000_000  #: microseconds
FOREVER: Final = 2**62


def engine(directory: Path, **bounds: float) -> Engine:
    """Return what reads history in tests."""
    return Engine(
        directory,
        spill=directory / TEMPORARY / "test",
        memory_mib=int(bounds.get("memory_mib", 256)),
        threads=2,
        timeout_s=bounds.get("timeout_s", 20.0),
    )


class Inside(Line):
    """The applier and its pipe: whatever is reported is noted at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.messages: list[Message] = []

    def say(self, message: Message) -> None:
        """Take a message."""
        self.messages.append(message)
        if isinstance(message, Report):
            with closing(open_seal_store(self._directory)) as store:
                store.note(message, now=time.time_ns() // 1000)

    def wait(self) -> None:
        """All is dealt with."""


def run(directory: Path, task: Seal | Tidy | Erase) -> list[Message]:
    """Do a task, and return what was said."""
    line = Inside(directory)
    sealer = Sealer(directory, line)
    try:
        sealer.run(task)
    finally:
        sealer.close()
    return line.messages


def seal(directory: Path, upto: int | None = None) -> int:
    """Move events up to a sequence into history, or all; return the last one's sequence."""
    with closing(open_seal_store(directory)) as store:
        store.close_segment()
        upto = store.hot().last if upto is None else upto
        run(directory, Seal(upto=upto))
        while store.remove_slice():
            pass
    return upto


def tidy(directory: Path, *, files: int = 2, keep: Keep | None = None) -> None:
    """Put the files of each day together, and take out what is too old; leave none for others."""
    task = Tidy(keep=keep or Keep(), files=files, quiet_before=FOREVER, leave_until=0)
    run(directory, task)


class ThreadRun:
    """The process that works on history, as a thread: it is what `Run` starts in these tests."""

    def __init__(self, orders: Orders) -> None:
        self._said: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._told = threading.Semaphore(0)
        self._error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._work, args=(orders,))
        self._thread.start()

    def next(self) -> Message | None:
        """Return the next message."""
        try:
            return self._said.get(timeout=0.01)
        except queue.Empty:
            if self._thread.is_alive():
                return None
        if not self._said.empty():
            return self._said.get()
        if self._error is not None:
            raise SealerDied(details=repr(self._error)) from self._error
        self.ended = True
        return None

    def go(self) -> None:
        """Let it go on."""
        self._told.release()

    def fileno(self) -> int:
        """There is nothing to wait on."""
        raise NotImplementedError

    def close(self) -> None:
        """Let it run to its end."""
        for _ in range(100):
            self._told.release()
        self._thread.join()

    def _work(self, orders: Orders) -> None:
        sealer = None
        try:
            sealer = Sealer(Path(orders.directory), _ThreadLine(self._said, self._told))
            sealer.run(orders.task)
        except BaseException as error:
            self._error = error
        finally:
            if sealer is not None:
                sealer.close()


class _ThreadLine(Line):
    def __init__(self, said: "queue.SimpleQueue[Message]", told: threading.Semaphore) -> None:
        self._said = said
        self._told = told

    def say(self, message: Message) -> None:
        """Hand a message over, in the form in which a pipe carries it."""
        self._said.put(msgspec.json.decode(msgspec.json.encode(message), type=Message))

    def wait(self) -> None:
        """Wait until all is dealt with."""
        self._told.acquire()
