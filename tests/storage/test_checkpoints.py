"""The write-ahead file of a busy store is moved by a thread, and does not grow for ever."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from analytex.storage.embedded import FILE, checkpoints
from analytex.storage.embedded.apply import EmbeddedApplyStore
from analytex.storage.open import open_read_store
from tests.storage.samples import changes, event

PAGE_BYTES = 4096 + 24  # with its head in the write-ahead file
WITHIN_S = 20.0


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedApplyStore]:
    """A store whose checkpoints are as frequent, and as small, as a test can wait for."""
    monkeypatch.setattr(checkpoints, "LONG_PAGES", 100)
    monkeypatch.setattr(checkpoints, "PASS_PAGES", 50)
    monkeypatch.setattr(checkpoints, "SHORTEST_S", 0.001)
    monkeypatch.setattr(checkpoints, "LONGEST_S", 0.01)
    with closing(EmbeddedApplyStore(tmp_path / FILE, checkpoint_beside=True)) as store:
        yield store


def write(store: EmbeddedApplyStore, position: int) -> None:
    """Store an event that fills two pages or three."""
    store.write(changes(event(metadata="x" * 8192)), start=position, upto=position + 1)


def test_the_write_ahead_file_starts_again_while_the_writer_never_pauses(
    busy: EmbeddedApplyStore, tmp_path: Path
) -> None:
    """The writer helps with the rest, or there would be no moment at which all was moved."""
    log = tmp_path / f"{FILE}-wal"
    deadline = time.monotonic() + WITHIN_S
    for position in count():
        write(busy, position)
        if 2 * position * PAGE_BYTES > 4 * log.stat().st_size and position > 1000:
            break  # four times what the file ever held was written into it
        assert time.monotonic() < deadline, f"{log.stat().st_size} bytes of {position} events"


def test_the_file_itself_gets_the_rows_while_the_store_is_open(
    busy: EmbeddedApplyStore, tmp_path: Path
) -> None:
    """Readers need not look for them in the write-ahead file."""
    for position in range(200):
        write(busy, position)
    deadline = time.monotonic() + WITHIN_S
    while (tmp_path / FILE).stat().st_size < 200 * 8192:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    with closing(open_read_store(tmp_path)) as read:
        assert read.applied() == 200


def test_a_commit_does_not_checkpoint_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what the thread is for; here it never gets to it."""
    monkeypatch.setattr(checkpoints, "LONGEST_S", 3600.0)
    with closing(EmbeddedApplyStore(tmp_path / FILE, checkpoint_beside=True)) as store:
        before = (tmp_path / FILE).stat().st_size
        for position in range(1200):  # SQLite's own limit is 1,000 pages
            write(store, position)
        assert (tmp_path / FILE).stat().st_size == before
