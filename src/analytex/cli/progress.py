"""How far a command is: a bar on a terminal, nothing into a file or pipe."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

Advance = Callable[[int, int], None]  #: takes how much is done, and of how much

#: Takes how much is done, of how much (None: nobody knows), and words to show beside the bar.
Show = Callable[[float, float | None, str], None]


@contextmanager
def progress(title: str) -> Iterator[Advance]:
    """Show a bar on standard error while the block runs; it is gone afterwards."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console  # slow to import, and needed here only
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(done, total))


@contextmanager
def live(title: str) -> Iterator[Show]:
    """Show a bar with changing words on standard error while the block runs, as `progress` does."""
    if not sys.stderr.isatty():
        yield lambda done, total, words: None
        return
    from rich.console import Console  # slow to import, and needed here only
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    # No markup: a file's name may hold what rich takes for it.
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(title, total=None, words="")
        yield lambda done, total, words: bar.update(
            task, completed=done, total=None if total is None else max(done, total), words=words
        )


class Rate:
    """How much gets done in a second, over the last few."""

    WINDOW_S: Final = 5.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._past: deque[tuple[float, float]] = deque()

    def at(self, done: float) -> float:
        """Note how much is done by now, and return the rate."""
        now = self._clock()
        self._past.append((now, done))
        while len(self._past) > 2 and self._past[1][0] < now - self.WINDOW_S:
            self._past.popleft()
        start, before = self._past[0]
        return max(done - before, 0.0) / (now - start) if now > start else 0.0
