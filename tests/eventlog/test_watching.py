"""What a log tells of itself to those who watch over it."""

import asyncio
import time
from contextlib import closing
from pathlib import Path

import pytest

from analytex.errors import Unavailable
from analytex.eventlog.interface import LogWriter
from analytex.eventlog.open import open_log_reader, open_log_writer
from analytex.observability.meters import FlushMeter


def open_writer(folder: Path, meter: FlushMeter | None = None) -> LogWriter:
    loop = asyncio.get_running_loop()
    return open_log_writer(folder, loop, queue_limit=10, flushed=lambda: None, meter=meter)


async def test_a_record_is_known_by_when_it_was_written(tmp_path: Path) -> None:
    """The age of the oldest record that is not applied is the lag."""
    before = time.time_ns() // 1000
    log = open_writer(tmp_path)
    for record in (b"a", b"b", b"c"):
        log.append(record, lambda error: None)
    await log.close()

    with closing(open_log_reader(tmp_path)) as reader:
        written_at = reader.written_at(2)  # in the middle of a flush
        assert written_at is not None
        assert before <= written_at <= time.time_ns() // 1000


async def test_an_empty_log_has_no_such_time(tmp_path: Path) -> None:
    """It has no record that could wait."""
    with closing(open_log_reader(tmp_path)) as reader:
        assert reader.written_at(0) is None


async def test_records_wait_until_their_flush_begins(tmp_path: Path) -> None:
    """The queue is what `queue_limit` bounds."""
    log = open_writer(tmp_path)
    log.append(b"a", lambda error: None)
    log.append(b"b", lambda error: None)
    assert log.waiting == 2

    await log.close()
    assert log.waiting == 0


async def test_each_flush_is_counted_once(tmp_path: Path) -> None:
    """Records that share one are one flush, and one that failed is not forgotten."""
    meter = FlushMeter()
    log = open_writer(tmp_path, meter)
    errors: list[Exception | None] = []
    flushed = asyncio.Event()
    log.append(b"a", errors.append)

    def done(error: Exception | None) -> None:
        errors.append(error)
        flushed.set()

    log.append(b"b", done)
    await flushed.wait()
    (tmp_path / "log.db").unlink()
    log.append(b"c", errors.append)
    await log.close()

    assert [type(error) for error in errors] == [type(None), type(None), Unavailable]
    assert sum(meter.seconds.counts().counts) == 2
    assert meter.records.counts().sum == 2
    assert meter.failures == 1
    assert meter.failed_at == pytest.approx(time.time(), abs=10)
