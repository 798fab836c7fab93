"""What every log engine promises (`LogWriter`, `LogReader`), and what is the embedded one's own."""

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from analytex import sqlite
from analytex.errors import Unavailable
from analytex.eventlog.interface import Batch, LogReader, LogWriter
from analytex.eventlog.open import FILE, open_log_reader, open_log_writer


class Engine(NamedTuple):
    """How a log is opened; called again with the same folder, it is the same log."""

    writer: Callable[..., LogWriter]
    reader: Callable[[Path], LogReader]


ENGINES: Final = {"embedded": Engine(open_log_writer, open_log_reader)}
ALL: Final = sys.maxsize
LATER: Final = 2**62  # microseconds; everything was written before it


class Log:
    """One log in a folder of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._writers: list[LogWriter] = []
        self.flushes = 0

    def writer(self, *, queue_limit: int = 1000) -> LogWriter:
        """Return another writer of the log."""

        def flushed() -> None:
            self.flushes += 1

        loop = asyncio.get_running_loop()
        writer = self._engine.writer(self._folder, loop, queue_limit=queue_limit, flushed=flushed)
        self._writers.append(writer)
        return writer

    def reader(self) -> LogReader:
        """Return another reader of the log."""
        return self._engine.reader(self._folder)

    def read(self, start: int = 0, *, max_records: int = ALL, max_bytes: int = ALL) -> list[Batch]:
        """Read with a new reader."""
        with closing(self.reader()) as reader:
            return reader.read(start, max_records=max_records, max_bytes=max_bytes)

    def records(self, start: int = 0) -> list[bytes]:
        """Return all records from a position on, having seen that the positions follow."""
        batches = self.read(start)
        for one, other in pairwise(batches):
            assert one.next == other.first
        return [record for batch in batches for record in batch.records]

    def end(self) -> int:
        """Return the end of the log, seen by a new reader."""
        with closing(self.reader()) as reader:
            return reader.end()

    async def close(self) -> None:
        """Close the writers."""
        for writer in self._writers:
            await writer.close()


@pytest.fixture(params=ENGINES)
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log."""
    log = Log(ENGINES[request.param], tmp_path)
    yield log
    await log.close()


async def append(writer: LogWriter, records: Sequence[bytes]) -> list[Exception | None]:
    """Append records in one go; return what each was told."""
    loop = asyncio.get_running_loop()
    told: list[asyncio.Future[Exception | None]] = [loop.create_future() for _ in records]
    for record, future in zip(records, told, strict=True):
        writer.append(record, future.set_result)
    return await asyncio.gather(*told)


async def trimmed(log: Log, first: int) -> None:
    """Wait until the log begins at that position: `trim` happens soon, not at once."""
    for _ in range(500):
        if log.read()[0].first == first:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"the log begins at {log.read()[0].first}, not at {first}")


# Appending and reading


async def test_records_stand_in_the_order_of_their_appends(log: Log) -> None:
    """Apply folds them in this order, and a user's company depends on it."""
    writer = log.writer()
    wanted = [b"%d" % number for number in range(50)]
    for start in range(0, 50, 7):
        await append(writer, wanted[start : start + 7])
    assert log.records() == wanted
    assert log.end() == 50


async def test_records_that_come_together_share_a_flush(log: Log) -> None:
    """Group commit: the disk is the slow part, and many share its time."""
    assert await append(log.writer(), [b"a", b"b", b"c"]) == [None, None, None]
    assert log.read() == [(0, [b"a", b"b", b"c"])]
    assert log.flushes == 1


async def test_a_record_is_readable_when_its_sender_is_told(log: Log) -> None:
    """A read waits for the log's end as it stands when the read comes in."""
    writer = log.writer()
    seen: list[int] = []
    with closing(log.reader()) as reader:
        for number in range(5):
            told = asyncio.get_running_loop().create_future()

            def done(error: Exception | None, told: asyncio.Future[None] = told) -> None:
                assert error is None
                seen.append(reader.end())
                told.set_result(None)

            writer.append(b"%d" % number, done)
            await told
    assert seen == [1, 2, 3, 4, 5]


async def test_a_record_may_be_appended_by_what_is_told_of_another(log: Log) -> None:
    """A pipelined request is taken when the one before it is answered."""
    writer = log.writer()
    second = asyncio.get_running_loop().create_future()
    writer.append(b"first", lambda _: writer.append(b"second", second.set_result))
    assert await second is None
    assert log.records() == [b"first", b"second"]


async def test_any_bytes_are_a_record(log: Log) -> None:
    """The log knows nothing of what they mean, not even that there are some."""
    records = [b"", b"\0\xff" * 10, b"x" * 2_000_000, "ä".encode()]
    await append(log.writer(), records)
    assert log.records() == records


async def test_an_empty_log_ends_where_it_begins(log: Log) -> None:
    """A reader may come before the first writer."""
    assert log.end() == 0
    assert log.read() == []


async def test_reading_begins_inside_a_batch(log: Log) -> None:
    """The store's position may lie anywhere."""
    writer = log.writer()
    await append(writer, [b"a", b"b", b"c"])
    await append(writer, [b"d"])
    assert log.read(2) == [(2, [b"c"]), (3, [b"d"])]
    assert log.read(3) == [(3, [b"d"])]
    assert log.read(4) == []


@pytest.mark.parametrize(
    ("limits", "records"),
    [
        ({"max_records": 1}, 2),
        ({"max_records": 2}, 2),
        ({"max_records": 3}, 4),
        ({"max_bytes": 1}, 2),
        ({"max_bytes": 300}, 4),
    ],
)
async def test_reading_stops_behind_the_batch_that_is_enough(
    log: Log, limits: dict[str, int], records: int
) -> None:
    """So that one transaction of the store has a bounded size; a batch is never cut at its end."""
    writer = log.writer()
    for _ in range(4):
        await append(writer, [b"x" * 100, b"y" * 100])
    assert sum(len(batch.records) for batch in log.read(**limits)) == records


async def test_a_log_that_is_opened_again_goes_on(log: Log) -> None:
    """A server that was stopped and started."""
    writer = log.writer()
    await append(writer, [b"a"])
    await writer.close()
    await append(log.writer(), [b"b"])
    assert log.records() == [b"a", b"b"]


async def test_closing_flushes_what_waits(log: Log) -> None:
    """A clean stop answers what was accepted."""
    writer = log.writer()
    told: list[Exception | None] = []
    for number in range(100):
        writer.append(b"%d" % number, told.append)
    await writer.close()
    assert told == [None] * 100
    assert log.end() == 100


async def test_several_writers_share_a_log(log: Log) -> None:
    """Each worker process has one; positions are never given twice."""
    writers = [log.writer() for _ in range(3)]

    async def send(number: int) -> list[bytes]:
        sent = [b"%d-%d" % (number, each) for each in range(40)]
        for record in sent:
            assert await append(writers[number], [record]) == [None]
        return sent

    sent = await asyncio.gather(*map(send, range(3)))
    found = log.records()
    assert sorted(found) == sorted(chain.from_iterable(sent))
    for number, each in enumerate(sent):
        assert [record for record in found if record.startswith(b"%d-" % number)] == each


async def test_a_reader_in_another_thread_sees_whole_batches_in_order(log: Log) -> None:
    """Apply follows while calls come in."""
    writer = log.writer()
    seen: list[bytes] = []

    def follow() -> None:
        deadline = time.monotonic() + 20
        with closing(log.reader()) as reader:
            while len(seen) < 300 and time.monotonic() < deadline:
                for batch in reader.read(len(seen), max_records=50, max_bytes=ALL):
                    assert batch.first == len(seen)
                    assert len(batch.records) == 3
                    seen.extend(batch.records)

    thread = threading.Thread(target=follow)
    thread.start()
    wanted = [b"%d" % number for number in range(300)]
    for start in range(0, 300, 3):
        await append(writer, wanted[start : start + 3])
    await asyncio.to_thread(thread.join)
    assert seen == wanted


# Trimming


async def test_what_was_applied_and_is_old_is_removed(log: Log) -> None:
    """The log stays small; positions stay what they were."""
    writer = log.writer()
    for number in range(10):
        await append(writer, [b"%da" % number, b"%db" % number])
    writer.trim(6, LATER)
    await trimmed(log, 6)
    assert log.records(6)[0] == b"3a"
    assert log.end() == 20


async def test_a_batch_of_which_the_end_was_not_applied_stays(log: Log) -> None:
    """Trimming never takes what the store does not have."""
    writer = log.writer()
    for _ in range(3):
        await append(writer, [b"a", b"b"])
    writer.trim(3, LATER)
    await trimmed(log, 2)


async def test_what_is_young_stays(log: Log) -> None:
    """The setting `log_keep` keeps applied records for a while."""
    writer = log.writer()
    await append(writer, [b"old"])
    await asyncio.sleep(0.005)
    moment = time.time_ns() // 1000
    await asyncio.sleep(0.005)
    for _ in range(2):
        await append(writer, [b"young"])
    writer.trim(3, moment)
    await trimmed(log, 1)


async def test_the_newest_batch_always_stays(log: Log) -> None:
    """Without it the positions would begin anew, and the store would skip new records."""
    writer = log.writer()
    for _ in range(5):
        await append(writer, [b"x"])
    writer.trim(5, LATER)
    await trimmed(log, 4)
    await writer.close()
    await append(log.writer(), [b"next"])
    assert log.read(5) == [(5, [b"next"])]


async def test_much_is_trimmed_while_records_are_appended(log: Log) -> None:
    """In small steps, so that no flush waits long."""
    writer = log.writer()
    for number in range(400):
        await append(writer, [b"%d" % number])
    writer.trim(400, LATER)
    for number in range(400, 420):
        assert await append(writer, [b"%d" % number]) == [None]
    await trimmed(log, 400)
    assert log.records(400) == [b"%d" % number for number in range(400, 420)]


# Trouble


async def test_a_full_queue_refuses_at_once(log: Log) -> None:
    """Memory is bounded, and the sender is told to come back."""
    writer = log.writer(queue_limit=3)
    told: list[Exception | None] = []
    for _ in range(3):
        writer.append(b"kept", told.append)
    with pytest.raises(Unavailable):
        writer.append(b"refused", told.append)
    await writer.close()
    assert told == [None] * 3
    assert log.records() == [b"kept"] * 3


async def test_a_queue_that_was_full_takes_records_again(log: Log) -> None:
    """The refusal is about the moment."""
    writer = log.writer(queue_limit=1)
    for _ in range(3):
        assert await append(writer, [b"x"]) == [None]
        with pytest.raises(Unavailable):
            await append(writer, [b"x", b"one too many"])
        await asyncio.sleep(0.02)
    assert log.records() == [b"x"] * 6


# The embedded engine's own


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives up at once where it would wait for another process."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_a_write_that_fails_is_told_and_the_next_one_works(tmp_path: Path) -> None:
    """Here another process holds the file; a full disk and a bad one look the same from inside."""
    log = Log(ENGINES["embedded"], tmp_path)
    writer = log.writer()
    assert await append(writer, [b"before"]) == [None]
    flushes = log.flushes
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (one, two) = await append(writer, [b"lost", b"lost too"])
        assert isinstance(one, Unavailable)
        assert isinstance(two, Unavailable)
        assert one.retry_after_s > 0
        other.execute("ROLLBACK")
    assert log.flushes == flushes
    assert await append(writer, [b"after"]) == [None]
    assert log.records() == [b"before", b"after"]
    await log.close()


@pytest.mark.usefixtures("impatient")
async def test_what_comes_while_writes_fail_is_told_too(tmp_path: Path) -> None:
    """Nobody waits for ever: each failed flush takes the next one's records along."""
    log = Log(ENGINES["embedded"], tmp_path)
    writer = log.writer()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        errors = await asyncio.gather(*(append(writer, [b"x"]) for _ in range(3)))
        errors += [await append(writer, [b"y"])]
        other.execute("ROLLBACK")
    assert all(isinstance(error, Unavailable) for (error,) in errors)
    await log.close()
    assert log.end() == 0


@pytest.mark.usefixtures("impatient")
async def test_a_trim_that_fails_harms_nothing(tmp_path: Path) -> None:
    """The next one takes more."""
    log = Log(ENGINES["embedded"], tmp_path)
    writer = log.writer()
    for _ in range(3):
        await append(writer, [b"x"])
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.trim(3, LATER)
        await asyncio.sleep(0.2)
        other.execute("ROLLBACK")
    assert log.read()[0].first == 0
    assert await append(writer, [b"y"]) == [None]
    writer.trim(3, LATER)
    await trimmed(log, 3)
    await log.close()


async def test_the_embedded_log_flushes_every_commit(tmp_path: Path) -> None:
    """`synchronous=FULL` and WAL are what the 202 rests on."""
    with closing(sqlite.connect(tmp_path / FILE, "analytex.eventlog")) as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
