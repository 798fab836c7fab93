"""Which engine keeps the log, so that those who need it do not name one."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from analytex.eventlog.embedded import EmbeddedLogReader, EmbeddedLogWriter, continue_at
from analytex.eventlog.eraser import EmbeddedLogEraser
from analytex.eventlog.interface import LogEraser, LogReader, LogWriter
from analytex.observability.meters import FlushMeter

FILE: Final = "log.db"  #: name in the data directory


def open_log_writer(
    directory: Path,
    loop: asyncio.AbstractEventLoop,
    *,
    queue_limit: int,
    flushed: Callable[[], None],
    meter: FlushMeter | None = None,
) -> LogWriter:
    """Open the log of a data directory for appending; `flushed` is called after every flush.

    `meter` counts flushes.
    """
    return EmbeddedLogWriter(
        directory / FILE, loop, queue_limit=queue_limit, flushed=flushed, meter=meter
    )


def open_log_reader(directory: Path) -> LogReader:
    """Open the log of a data directory for reading; it is made if it is missing."""
    return EmbeddedLogReader(directory / FILE)


def open_log_eraser(directory: Path) -> LogEraser:
    """Open the log of a data directory for taking records out of it."""
    return EmbeddedLogEraser(directory / FILE)


def prepare_log(directory: Path, *, applied: int) -> bool:
    """Make the log if it is missing, and let it go on behind what was applied.

    Returns whether it was behind: records that were acknowledged and not yet applied are gone then.
    """
    return continue_at(directory / FILE, applied)
