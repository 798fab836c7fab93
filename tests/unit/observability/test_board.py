"""The file in which processes write their numbers for each other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytex.observability.board import APPLIER, FILE, SLOT_BYTES, Board
from analytex.observability.meters import ApplierMeter, WorkerMeter


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path, slots=3)
    yield board
    board.close()


def test_what_one_process_writes_the_others_read(board: Board, tmp_path: Path) -> None:
    """Whichever worker is asked knows of all."""
    applier, worker = ApplierMeter(), WorkerMeter("worker-1", ("", "/v1/track"))
    applier.records = 7
    worker.accepted[1] = 5
    board.write(APPLIER, applier.snapshot())
    board.write(2, worker.snapshot())

    other = Board(tmp_path, slots=3)
    found = {each.process: each for each in other.read()}
    other.close()
    assert set(found) == {"applier", "worker-1"}
    assert found["applier"].applier is not None
    assert found["applier"].applier.records == 7
    assert found["worker-1"].worker is not None
    assert found["worker-1"].worker.requests[0].count == 5


def test_a_slot_that_is_half_written_is_not_believed(board: Board, tmp_path: Path) -> None:
    """A number that nobody wrote is worse than none."""
    board.write(APPLIER, ApplierMeter().snapshot())
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(20)
        file.write(b"#")

    assert board.read() == []


def test_a_slot_of_another_version_is_left_out(board: Board) -> None:
    """Processes of the old and the new version overlap for a moment in an upgrade."""
    board.write(APPLIER, {"process": "applier"})  # type: ignore[arg-type]

    assert board.read() == []


def test_numbers_that_do_not_fit_are_an_error(board: Board) -> None:
    """They must not run into the next process's slot."""
    meter = WorkerMeter("worker-0", ("",))
    for number in range(2000):
        meter.count("GET", f"/{number:040}", 200)

    with pytest.raises(ValueError, match="do not fit"):
        board.write(1, meter.snapshot())


def test_the_file_has_its_room_from_the_beginning(board: Board, tmp_path: Path) -> None:
    """When the disk is full, the numbers must still be written."""
    stat = (tmp_path / FILE).stat()

    assert stat.st_size == 3 * SLOT_BYTES
    assert stat.st_blocks * 512 >= stat.st_size


def test_a_disk_that_fails_stops_nobody(board: Board) -> None:
    """The numbers grow old then, and the reader sees that."""
    os.close(board._file)
    board.write(APPLIER, ApplierMeter().snapshot())
    board._file = os.open("/dev/null", os.O_RDONLY)
