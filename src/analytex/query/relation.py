"""Questions in SQL over all events of an environment, hot ones and those in history as one.

DuckDB reads the files of history by itself; of the hot events it has a copy (`query/hot.py`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from analytex.domain.history import FOLDER, HistoryFile, Sealed
from analytex.history.engine import read_parquet, within
from analytex.history.reading import Engine
from analytex.query.hot import NAMES, HotCopy
from analytex.query.moments import at_one_moment
from analytex.storage.sealing import HistoryReadStore
from analytex.storage.threads import StoreThreads

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

THREADS: Final = 2  # questions at a time; the others wait
_FARTHEST: Final = 253_402_300_799_999_999  # the end of the year 9999: no event is outside

Result = TypeVar("Result")


class _Sources(NamedTuple):
    """Where the events of a moment are."""

    table: str  #: of hot events
    after: int  #: of which those behind this sequence count
    upto: int  #: up to this one
    files: Sequence[HistoryFile]


class EventsRelation:
    """Gives questions a DuckDB view over all events of an environment, at one moment."""

    def __init__(self, open_store: Callable[[], HistoryReadStore], engine: Engine) -> None:
        """`open_store` is called once in each thread."""
        self._engine = engine
        self._threads = StoreThreads(open_store, threads=THREADS, name="question")
        self._hot = HotCopy(engine)
        self._lock = threading.Lock()  # held while hot events are copied

    async def ask(
        self,
        environment_id: int,
        question: "Callable[[Connection], Result]",
        *,
        since: int | None = None,
        until: int | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """Return what `question` returns, which is called in a thread (see `view`)."""

        def ask(store: HistoryReadStore) -> Result:
            with self.view(
                store, environment_id, since=since, until=until, timeout_s=timeout_s
            ) as db:
                return question(db)

        return await self._threads.run(ask)

    @contextmanager
    def view(
        self,
        store: HistoryReadStore,
        environment_id: int,
        *,
        since: int | None = None,
        until: int | None = None,
        timeout_s: float | None = None,
    ) -> Iterator["Connection"]:
        """Give a connection with the view `events`, which stays as it is until the block ends.

        The view has the columns of the table (docs/history.md), and those of the log as `day`; it
        has no event before `since` or from `until` on (microseconds since 1970-01-01 UTC), and
        files outside are not opened. The block is interrupted after `timeout_s`, else after
        `query_timeout`. Temporary tables may be made in it; values belong into parameters.
        Raises TooSlow, TooLarge and Unavailable.
        """
        first = -_FARTHEST if since is None else since
        last = _FARTHEST if until is None else until - 1
        with ExitStack() as held:
            with self._lock:
                sources = held.enter_context(
                    at_one_moment(
                        store,
                        self._engine.directory,
                        lambda sealed: self._sources(store, environment_id, sealed, first, last),
                    )
                )
                db = held.enter_context(self._engine.connect())
                db.execute("BEGIN")  # so that tables of hot events stay as they are
                db.execute(self._view(sources, first, last))
                db.execute("FROM events LIMIT 0")
            held.enter_context(within(db, timeout_s or self._engine.timeout_s))
            yield db

    def close(self) -> None:
        """Stop the threads."""
        self._threads.close()

    def _sources(
        self, store: HistoryReadStore, environment_id: int, sealed: Sealed, first: int, last: int
    ) -> _Sources:
        upto = max(store.last_sequence(), sealed.upto)
        files = store.history_files(environment_id, since=first, before=last)
        table = self._hot.update(store, environment_id, sealed, upto)
        return _Sources(table, sealed.upto, upto, files)

    def _view(self, sources: _Sources, first: int, last: int) -> str:
        between = (
            f"inserted_at BETWEEN make_timestamptz({first}::BIGINT) "
            f"AND make_timestamptz({last}::BIGINT)"
        )
        parts = [
            f"SELECT {NAMES} FROM {sources.table} "
            f"WHERE sequence > {sources.after} AND sequence <= {sources.upto} AND {between}"
        ]
        # Not to compare the time of each event saves a tenth of many questions.
        inside: list[Path] = []
        across: list[Path] = []
        folder = self._engine.directory / FOLDER
        for each in sources.files:
            whole = first <= each.oldest and each.newest <= last
            (inside if whole else across).append(folder / each.path)
        for files, condition in ((inside, "true"), (across, between)):
            if files:
                source = read_parquet(files)
                parts.append(f"SELECT {NAMES} FROM {source} WHERE {condition}")
        return (
            "CREATE TEMP VIEW events AS SELECT *, CAST(inserted_at AS DATE) AS day "
            f"FROM ({' UNION ALL '.join(parts)})"
        )
