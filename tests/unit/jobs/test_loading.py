"""Reading a job's file here or in a process of its own: the same chunks, problems and ends."""

import gzip
import os
import select
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from analytex.domain.jobs import Chunk, FileFormat, JobKind, Mark, RowsFile
from analytex.jobs.loading import (
    SMALL_BYTES,
    LoadBeside,
    LoaderDied,
    LoadHere,
    Loading,
    LoadOrders,
    load,
)
from analytex.jobs.reading import FileProblem
from tests.unit.jobs.workplace import NOW, bulk, identify, lines, track

START: Final = Mark(0, 0, 0)
#: What every kind of chunk is made of: events with all their fields, errors, failed rows.
ROWS: Final = lines(
    {**identify("ädä", plan="pro"), "company_id": "acme"},
    track(metadata={"a": [1.50, None]}, url="https://example.org/x", screen_width=5),
    "nonsense",
    "",
    '{"user_id":"\xff',
    track(),
)

Load = Callable[[LoadOrders], Loading]
WAYS: Final = [LoadHere, LoadBeside]


def orders(
    folder: Path, data: bytes, *, format: FileFormat = FileFormat.NDJSON, **rest: Any
) -> LoadOrders:
    """Put a file on disk, and say that it shall be read."""
    path = folder / "rows"
    path.write_bytes(data)
    packed = rest.pop("packed", False)
    file = RowsFile(name="x", format=format, packed=packed, size=len(data), rows=0)
    given: dict[str, Any] = {"kind": JobKind.IMPORT, "start": START, **rest}
    return LoadOrders(
        file=file,
        path=str(path),
        environment_id=7,
        at=5,
        process="0123456",
        now=NOW,
        row_bytes=100_000,
        **given,
    )


def next_chunk(loading: Loading) -> Chunk:
    """Return the next chunk, once it is there."""
    while (chunk := loading.next()) is None:
        file = loading.fileno()
        assert file is not None
        assert select.select([file], [], [], 20.0)[0]
    return chunk


def all_chunks(loading: Loading) -> list[Chunk]:
    """Return all chunks."""
    found = [next_chunk(loading)]
    while not found[-1].last:
        found.append(next_chunk(loading))
    return found


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        (ROWS, {"rows": 2}),
        (ROWS * 200, {"rows": 1000}),
        (gzip.compress(ROWS), {"packed": True}),
        (lines(bulk("ada", a=1), "{}", bulk("bob")), {"kind": JobKind.BULK_USERS, "rows": 2}),
        (b"event_type,user_id\ntrack\n", {"format": FileFormat.CSV}),
        (b"", {}),
        (lines(*(track(name="x" * 500, metadata={"x": "y" * 90_000}) for _ in range(50))), {}),
    ],
    ids=["small", "many", "packed", "bulk", "csv", "empty", "large"],
)
def test_both_ways_give_the_same_chunks(tmp_path: Path, data: bytes, rest: Any) -> None:
    """Which of them is taken is a matter of speed only."""
    order = orders(tmp_path, data, **rest)
    with closing(LoadHere(order)) as here, closing(LoadBeside(order)) as beside:
        assert all_chunks(beside) == all_chunks(here)


@pytest.mark.parametrize("way", WAYS)
def test_reading_begins_where_the_job_is(tmp_path: Path, way: Load) -> None:
    """Every chunk says where the next one begins."""
    order = orders(tmp_path, ROWS, rows=2)
    with closing(LoadHere(order)) as here:
        whole = all_chunks(here)
    assert len(whole) == 3

    with closing(way(msgspec.structs.replace(order, start=whole[0].next))) as rest:
        assert all_chunks(rest) == whole[1:]


@pytest.mark.parametrize("way", WAYS)
def test_a_problem_comes_after_the_rows_before_it(tmp_path: Path, way: Load) -> None:
    """With the same sentence, whoever read the file."""
    data = gzip.compress(ROWS)[:-8]
    with closing(way(orders(tmp_path, data, packed=True))) as loading:
        chunk = next_chunk(loading)
        assert (len(chunk.events), len(chunk.errors), chunk.last) == (3, 2, False)
        with pytest.raises(FileProblem, match="ends before its gzip data does"):
            next_chunk(loading)


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """It is a problem of the file, not one of whoever reads it."""
    order = orders(tmp_path, ROWS)
    Path(order.path).unlink()
    with closing(LoadHere(order)) as here, pytest.raises(FileNotFoundError):
        next_chunk(here)
    with closing(LoadBeside(order)) as beside, pytest.raises(FileProblem, match="No such file"):
        next_chunk(beside)


@pytest.mark.parametrize(
    ("size", "way"), [(0, LoadHere), (SMALL_BYTES, LoadHere), (SMALL_BYTES + 1, LoadBeside)]
)
def test_large_files_get_a_process_of_their_own(
    tmp_path: Path, size: int, way: type[Loading]
) -> None:
    """For a small one, starting it takes longer than the reading."""
    with closing(load(orders(tmp_path, b" " * size))) as loading:
        assert type(loading) is way


def test_what_is_read_here_is_never_waited_for(tmp_path: Path) -> None:
    """The next chunk is made when it is asked for."""
    with closing(LoadHere(orders(tmp_path, ROWS))) as here:
        assert here.fileno() is None
        assert here.next() is not None


def test_what_is_read_beside_does_not_block(tmp_path: Path) -> None:
    """The applier has other things to do meanwhile."""
    with closing(LoadBeside(orders(tmp_path, ROWS))) as beside:
        assert beside.next() is None  # it has hardly begun
        assert next_chunk(beside).last


# Ends of the process


def endless(folder: Path) -> LoadBeside:
    """Begin to read a file that does not fit into the pipe."""
    return LoadBeside(orders(folder, ROWS * 20_000, rows=100))


def test_the_death_of_the_reader_is_noticed(tmp_path: Path) -> None:
    """What came whole before is still handed out; the chunk in the middle is not."""
    with closing(endless(tmp_path)) as beside:
        assert next_chunk(beside).start == START
        os.kill(beside._process.pid, signal.SIGKILL)
        with pytest.raises(LoaderDied, match=f"exit code -{int(signal.SIGKILL)}"):
            all_chunks(beside)


def test_a_reader_that_dies_before_its_orders_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever may be wrong with the machine."""
    monkeypatch.setattr("analytex.jobs.pipe.sys.executable", shutil.which("false"))
    order = orders(tmp_path, ROWS)
    with closing(LoadBeside(order)) as beside, pytest.raises(LoaderDied, match="exit code 1"):
        next_chunk(beside)


def test_closing_ends_the_process(tmp_path: Path) -> None:
    """In the middle of its work; nothing of it is left, not even a zombie."""
    beside = endless(tmp_path)
    next_chunk(beside)
    pid = beside._process.pid

    beside.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_reader_whose_work_nobody_takes_ends(tmp_path: Path) -> None:
    """The applier may be killed; its readers must not stay behind."""
    with closing(endless(tmp_path)) as beside:
        next_chunk(beside)
        process = beside._process._process
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(20) == 0


def test_a_file_that_is_left_is_closed(tmp_path: Path) -> None:
    """Read here, it is open in the applier, which lives for months."""
    before = len(os.listdir("/dev/fd"))
    here = LoadHere(orders(tmp_path, ROWS, rows=1))
    here.next()
    here.close()

    assert len(os.listdir("/dev/fd")) == before
