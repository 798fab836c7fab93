"""How far a command is: a bar on a terminal, nothing into a file or pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, int], None]  #: takes how much is done, and of how much


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
