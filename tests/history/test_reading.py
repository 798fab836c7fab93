"""Reading history: no more of it than is needed, within bounds, and from files that stay."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from analytex.domain.events import EventFilter
from analytex.domain.history import FOLDER
from analytex.history.engine import HistoryUnreadable, TooLarge, TooSlow, within
from analytex.history.leases import READERS, Lease, only_newer_are_read
from analytex.history.reading import HEADS_OF, Engine
from analytex.query.events import list_events
from analytex.query.moments import at_one_moment
from analytex.query.relation import EventsRelation
from analytex.storage.open import open_read_store, open_seal_store
from analytex.storage.sealing import HistoryReadStore
from tests.history.inside import engine, seal, tidy
from tests.history.test_table import MONDAY, event, store


class Untouched(Engine):
    """An engine that must not be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def connect(self, files: int = 0) -> Any:
        """Fail."""
        raise AssertionError("history was read")


@pytest.fixture
def reads(tmp_path: Path) -> Iterator[HistoryReadStore]:
    """A store with ten sealed events and ten hot ones, which are newer."""
    store(tmp_path, [event(number) for number in range(10)])
    seal(tmp_path)
    store(tmp_path, [event(number, day=1) for number in range(10, 20)])
    with closing(open_read_store(tmp_path)) as reads:
        yield reads


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        (EventFilter(), 10),
        (EventFilter(user_id="ada"), 9),
        (EventFilter(since=MONDAY + 20), 100),
        (EventFilter(until=MONDAY - 1), 100),
    ],
    ids=["enough", "enough of a user", "nothing so new", "nothing so old"],
)
def test_a_page_that_needs_no_history_does_not_touch_it(
    reads: HistoryReadStore, tmp_path: Path, wanted: EventFilter, limit: int
) -> None:
    """The newest events are what is asked for most."""
    page = list_events(reads, Untouched(tmp_path), 1, wanted, after=None, limit=limit)
    assert len(page) <= limit
    with pytest.raises(AssertionError, match="history was read"):
        list_events(reads, Untouched(tmp_path), 1, EventFilter(), after=None, limit=11)


def test_an_environment_without_history_does_not_touch_it(
    reads: HistoryReadStore, tmp_path: Path
) -> None:
    """Whatever others have."""
    assert list_events(reads, Untouched(tmp_path), 2, EventFilter(), after=None, limit=11) == []


def test_a_question_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """It takes a processor from everybody else."""
    with closing(engine(tmp_path)) as history, history.connect() as db:
        with pytest.raises(TooSlow), within(db, 0.1):
            db.execute("SELECT count(*) FROM range(1000000) a, range(1000000) b").fetchall()
        assert db.execute("SELECT 1").fetchall() == [(1,)]


def test_a_question_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    """Instead of the server."""
    with (
        closing(engine(tmp_path, memory_mib=64)) as history,
        history.connect() as db,
        pytest.raises(TooLarge),
        within(db, 20),
    ):
        db.execute("SELECT list(repeat('x', 1000) || range) FROM range(1000000)").fetchall()


@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_damaged_file_is_a_503_that_says_so(
    reads: HistoryReadStore, tmp_path: Path, damage: str
) -> None:
    """Rather than a page without its events."""
    (file,) = (tmp_path / FOLDER).rglob("*.parquet")
    if damage == "missing":
        file.unlink()
    else:
        os.truncate(file, 0 if damage == "empty" else file.stat().st_size // 2)
    with closing(engine(tmp_path)) as history, pytest.raises(HistoryUnreadable):
        list_events(reads, history, 1, EventFilter(), after=None, limit=20)


def test_the_engine_reaches_nothing_but_history(tmp_path: Path) -> None:
    """Whatever a question says: no other file, no network, no setting."""
    store(tmp_path, [event(1)])
    seal(tmp_path)
    with closing(engine(tmp_path)) as history, history.connect() as db:
        for statement in (
            f"FROM read_text('{tmp_path / 'store.db'}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'x.csv'}'",
            "ATTACH 'x.db'",
            "INSTALL httpfs",
            "SET memory_limit = '1TB'",
            "SET enable_external_access = true",
        ):
            with pytest.raises(Exception, match=r"Permission|locked|disabled|Cannot"):
                db.execute(statement)


def test_files_stay_while_a_reader_of_their_version_is_at_work(
    reads: HistoryReadStore, tmp_path: Path
) -> None:
    """They are removed later, when nobody reads them any more."""
    seal(tmp_path)
    with at_one_moment(reads, tmp_path, lambda _: reads.all_history_files()) as files:
        tidy(tmp_path, files=1)
        seal(tmp_path)
        paths = [tmp_path / FOLDER / file.path for file in files]
        assert all(path.exists() for path in paths)
    store(tmp_path, [event(30)])
    seal(tmp_path)
    tidy(tmp_path)
    assert not paths[0].exists()


def test_a_lease_ends_with_its_holder(tmp_path: Path) -> None:
    """However that ends; and leases of the newest version hinder nobody."""
    (old, new) = (Lease(tmp_path, 3), Lease(tmp_path, 5))
    assert not only_newer_are_read(tmp_path, 5)
    old.close()
    assert only_newer_are_read(tmp_path, 5)
    assert os.listdir(tmp_path / READERS) == ["5"]
    new.close()


def test_a_reader_that_comes_too_late_takes_the_new_version(
    reads: HistoryReadStore, tmp_path: Path
) -> None:
    """Between learning the version and taking its lease, files may have gone."""
    versions: list[int] = []
    real = reads.sealed

    def sealed() -> Any:
        found = real()
        if not versions:
            store(tmp_path, [event(40)])
            seal(tmp_path)
        versions.append(found.version)
        return found

    reads.sealed = sealed  # type: ignore[method-assign]
    with at_one_moment(reads, tmp_path, lambda moment: moment.version) as version:
        assert version == real().version
    assert versions[0] < version


async def test_questions_are_asked_in_sql(reads: HistoryReadStore, tmp_path: Path) -> None:
    """Of hot and sealed events as one; what a deletion changed is read again."""
    with (
        closing(engine(tmp_path)) as history,
        closing(EventsRelation(lambda: open_read_store(tmp_path), history)) as relation,
    ):

        async def count(since: int | None = None, until: int | None = None) -> int:
            rows = await relation.ask(
                1,
                lambda db: db.execute(
                    "SELECT count(*) FROM events WHERE user_id = ?", ("ada",)
                ).fetchall(),
                since=since,
                until=until,
            )
            found: int = rows[0][0]
            return found

        assert await count() == 20
        assert await count(since=MONDAY + 5) == 15
        assert await count(until=MONDAY + 5) == 5
        with closing(open_seal_store(tmp_path)) as seals:
            seals.retire(0, keep={}, default=MONDAY + 10**15)
            seals.changed()
        assert await count() == 10


def test_a_question_sees_one_moment(reads: HistoryReadStore, tmp_path: Path) -> None:
    """However many statements it has, and whatever is sealed or added meanwhile."""
    with (
        closing(engine(tmp_path)) as history,
        closing(EventsRelation(lambda: open_read_store(tmp_path), history)) as relation,
        closing(open_read_store(tmp_path)) as others,
        relation.view(reads, 1) as db,
    ):
        before = db.execute("FROM events ORDER BY sequence").fetchall()
        store(tmp_path, [event(50)])
        seal(tmp_path)
        with relation.view(others, 1) as later:
            assert len(later.execute("FROM events").fetchall()) == 21
        assert db.execute("FROM events ORDER BY sequence").fetchall() == before


def test_every_connection_reckons_in_utc(tmp_path: Path) -> None:
    """A cursor of DuckDB has settings of its own: the machine's time zone, unless it is told."""
    with closing(engine(tmp_path)) as history:
        for _ in range(2):
            with history.connect() as db:
                assert db.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


@pytest.mark.parametrize(
    ("files", "keeps"), [(0, False), (1, True), (HEADS_OF, True), (HEADS_OF + 1, False)]
)
def test_heads_of_files_are_kept_unless_there_are_many(
    tmp_path: Path, files: int, keeps: bool
) -> None:
    """They make the next question quick; those of thousands would fill the memory."""
    with closing(engine(tmp_path)) as history, history.connect(files) as db:
        assert db.execute("SELECT current_setting('parquet_metadata_cache')").fetchone() == (keeps,)
