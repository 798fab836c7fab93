"""What a server and everything it started use: processor time and memory, from Linux's /proc."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")  # per second
WATCH_EVERY = 0.05  # seconds between two looks at the memory
NEW_CHILDREN_EVERY = 10  # looks: finding a tree reads all of /proc, which takes longer than a look


def descendants(root: int) -> list[int]:
    """The process and all its living children's children, root first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:  # grows while we walk it
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """Processor seconds, user and system, of the process tree since it began.

    Living processes are read from their processor clocks (nanoseconds; /proc/PID/stat counts in
    ticks of 10 ms, too coarse for an idle server), children that ended from what their parent
    inherited.
    """
    total = 0.0
    for pid in descendants(root):
        fields = _stat(pid)
        if fields is None:
            continue
        try:
            # The number clock_getcpuclockid(3) gives for another process on Linux.
            total += time.clock_gettime((~pid << 3) | 2)
        except OSError:
            continue  # it ended between the two lines; its parent has its time next time
        total += (int(fields[13]) + int(fields[14])) / TICKS
    return total


def memory_bytes(root: int) -> tuple[int, int]:
    """Resident and proportional set size of the process tree.

    Resident counts a page shared by two processes twice; proportional divides it among them.
    """
    return _memory_of(descendants(root))


class Peak:
    """The highest memory of a process tree so far."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._family: list[int] = []
        self._looks = 0
        self.bytes = 0  #: proportional set size of all processes together

    def look(self) -> None:
        """Compare with what the processes use now."""
        if self._looks % NEW_CHILDREN_EVERY == 0:
            self._family = descendants(self._root)
        self._looks += 1
        self.bytes = max(self.bytes, _memory_of(self._family)[1])


@contextmanager
def watch_memory(root: int) -> Iterator[Peak]:
    """Look at the memory of the process tree every `WATCH_EVERY` seconds, from a thread."""
    peak, end = Peak(root), threading.Event()

    def watch() -> None:
        while not end.wait(WATCH_EVERY):
            peak.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        end.set()
        thread.join()


def _memory_of(pids: list[int]) -> tuple[int, int]:
    resident = proportional = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
        resident += sizes["Rss:"]
        proportional += sizes["Pss:"]
    return resident, proportional


def started_at(pid: int) -> int | None:
    """When the process began (ticks since boot), or None: with the pid it names one process."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat after the command's name, state first; None if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else fields
