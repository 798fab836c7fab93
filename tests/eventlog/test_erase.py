"""What every log engine promises to deletions (`LogEraser`)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from analytex.eventlog.interface import LogEraser, LogReader, LogWriter
from analytex.eventlog.open import open_log_eraser, open_log_reader, open_log_writer


class Engine(NamedTuple):
    """How a log is opened."""

    writer: Callable[..., LogWriter]
    reader: Callable[[Path], LogReader]
    eraser: Callable[[Path], LogEraser]


ENGINES: Final = {"embedded": Engine(open_log_writer, open_log_reader, open_log_eraser)}
SECRET: Final = b"secret"


class Log:
    """One log in a folder of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.folder = folder
        self.writer = engine.writer(folder, loop, queue_limit=1000, flushed=lambda: None)
        self.reader = engine.reader(folder)
        self.eraser = engine.eraser(folder)

    async def append(self, *records: bytes) -> None:
        """Append records in one flush."""
        told = [asyncio.get_running_loop().create_future() for _ in records]
        for record, future in zip(records, told, strict=True):
            self.writer.append(record, future.set_result)
        assert not any(await asyncio.gather(*told))

    def records(self) -> list[bytes]:
        """Return all records."""
        batches = self.reader.read(0, max_records=10**9, max_bytes=10**9)
        return [record for batch in batches for record in batch.records]

    def erase(self) -> list[tuple[int, int]]:
        """Overwrite every record with the secret in it."""
        done: list[tuple[int, int]] = []
        while sweep := self.eraser.erase(done[-1][0] if done else 0, without_secret):
            done.append((sweep.next, sweep.replaced))
        return done

    def traces(self) -> int:
        """Return how often the secret stands in the folder."""
        return sum(file.read_bytes().count(SECRET) for file in self.folder.iterdir())


def without_secret(record: bytes) -> bytes | None:
    """What a record with the secret becomes."""
    return bytes(len(record)) if SECRET in record else None


@pytest.fixture(params=ENGINES)
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log."""
    log = Log(ENGINES[request.param], tmp_path)
    yield log
    await log.writer.close()
    log.reader.close()
    log.eraser.close()


async def test_records_are_replaced_where_they_are(log: Log) -> None:
    """Positions stay what they are, and so do all other records."""
    await log.append(b"a", SECRET + b"1", b"b")
    await log.append(b"c")
    await log.append(SECRET, SECRET)
    assert log.erase() == [(3, 1), (4, 0), (6, 2)]
    assert log.records() == [b"a", bytes(7), b"b", b"c", bytes(6), bytes(6)]
    assert log.erase() == [(3, 0), (4, 0), (6, 0)]
    await log.append(b"d")
    assert log.reader.end() == 7


async def test_an_empty_log_has_nothing_to_erase(log: Log) -> None:
    """A server that was just started."""
    assert log.erase() == []


async def test_a_replacement_of_another_length_is_refused(log: Log) -> None:
    """It could not lie where the record lies."""
    await log.append(SECRET)
    with pytest.raises(ValueError, match="6 bytes cannot become 1 bytes"):
        log.eraser.erase(0, lambda record: b"x")
    assert log.records() == [SECRET]


@pytest.mark.parametrize("size", [1, 1000, 5000, 300_000])
async def test_no_trace_is_left(log: Log, size: int) -> None:
    """Not in the file and not in those beside it, of whatever size the flushes were."""
    for n in range(20):
        await log.append(b"%d" % n, SECRET * (size // 6 + 1), b"other" * (size // 50))
    assert log.traces()
    log.erase()
    await log.append(b"later")
    assert log.eraser.settle()
    with closing(log.eraser.scrub()) as scrub:
        while scrub.step():
            await log.append(b"meanwhile")
    assert log.traces() == 0
    assert log.records()[0] == b"0"


async def test_it_says_so_if_a_reader_is_in_the_way(log: Log) -> None:
    """Its snapshot needs the write-ahead file; later it is gone."""
    await log.append(SECRET)
    with closing(open_log_reader(log.folder)) as other:
        db = other._db  # type: ignore[attr-defined]
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM batches").fetchone()
        log.erase()
        assert not log.eraser.settle()
        db.execute("ROLLBACK")
        assert log.eraser.settle()
    assert log.traces() == 0


async def test_trimmed_records_leave_no_trace(log: Log) -> None:
    """Nor do those that were trimmed before a deletion: their pages are overwritten."""
    sizes: Sequence[int] = (10, 3000, 100_000)
    for n in range(30):
        await log.append(SECRET * (sizes[n % 3] // 6))
    await log.append(b"last")
    log.writer.trim(31, 2**62)
    for _ in range(500):
        if len(log.records()) == 1:
            break
        await asyncio.sleep(0.01)
    assert log.records() == [b"last"]
    assert log.eraser.settle()
    with closing(log.eraser.scrub()) as scrub:
        while scrub.step():
            pass
    assert log.traces() == 0
