"""Questions in SQL over all events of an environment, hot ones and those in history as one.

DuckDB reads the files of history by itself; of the hot events it has a copy (`query/hot.py`).
Properties that a question asks for are columns of its view: in most files they are columns already
(`history/shredded.py`), and only elsewhere `metadata` is unpacked.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from analytex.domain.history import FOLDER, HistoryFile, Sealed
from analytex.history.engine import read_parquet, reading, text, within
from analytex.history.reading import Engine
from analytex.history.shredded import Shredded
from analytex.query.hot import NAMES, HotCopy
from analytex.query.moments import at_one_moment
from analytex.storage.sealing import HistoryReadStore
from analytex.storage.threads import StoreThreads

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

THREADS: Final = 2  # questions at a time; the others wait
_FARTHEST: Final = 253_402_300_799_999_999  # the end of the year 9999: no event is outside

Result = TypeVar("Result")


class Extract(NamedTuple):
    """A value out of `metadata`, as a column of the view.

    It is JSON. NULL: there is none; or, where only one text is `looked_for`, perhaps another value.
    """

    pointer: str  #: to the value (RFC 6901)
    looked_for: str | None = None

    @property
    def column(self) -> str:
        """The column's name, which needs no quotes."""
        words = (self.pointer,) if self.looked_for is None else (self.pointer, self.looked_for)
        return "_".join(("extract", *(word.encode().hex() for word in words)))

    def sql(self) -> str:
        """Return SQL for the value, where it has no column of its own."""
        extracted = f"json_extract(metadata, {text(self.pointer)})"
        if self.looked_for is None:
            return extracted
        # Most events are left out so, without reading their JSON, where a text stands as it is, or
        # with a backslash.
        likely = f"contains(metadata, {text(self.looked_for)}) OR contains(metadata, chr(92))"
        return f"CASE WHEN {likely} THEN {extracted} END"


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
        self._shredded = Shredded()
        self._lock = threading.Lock()  # held while hot events are copied

    async def ask(
        self,
        environment_id: int,
        question: "Callable[[Connection], Result]",
        *,
        extracts: Collection[Extract] = (),
        since: int | None = None,
        until: int | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """Return what `question` returns, which is called in a thread (see `view`)."""

        def ask(store: HistoryReadStore) -> Result:
            with self.view(
                store,
                environment_id,
                extracts=extracts,
                since=since,
                until=until,
                timeout_s=timeout_s,
            ) as db:
                return question(db)

        return await self._threads.run(ask)

    @contextmanager
    def view(
        self,
        store: HistoryReadStore,
        environment_id: int,
        *,
        extracts: Collection[Extract] = (),
        since: int | None = None,
        until: int | None = None,
        timeout_s: float | None = None,
    ) -> Iterator["Connection"]:
        """Give a connection with the view `events`, which stays as it is until the block ends.

        The view has the columns of the table (docs/history.md) but `app_token`, of those of the log
        `day`, and one for each of the `extracts`, which are all different. It has no event before
        `since` or from `until` on (microseconds since 1970-01-01 UTC), and files outside are not
        opened. The block is interrupted after `timeout_s`, else after `query_timeout`. Temporary
        tables may be made in it; values belong into parameters.
        Raises TooSlow, TooLarge, HistoryUnreadable and Unavailable.
        """
        first = -_FARTHEST if since is None else since
        last = _FARTHEST if until is None else until - 1
        with ExitStack() as held:
            held.enter_context(reading())
            with self._lock:
                sources = held.enter_context(
                    at_one_moment(
                        store,
                        self._engine.directory,
                        lambda sealed: self._sources(store, environment_id, sealed, first, last),
                    )
                )
                db = held.enter_context(self._engine.connect(len(sources.files)))
                db.execute("BEGIN")  # so that tables of hot events stay as they are
                db.execute(self._view(db, sources, first, last, extracts))
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

    def _view(
        self,
        db: "Connection",
        sources: _Sources,
        first: int,
        last: int,
        extracts: Collection[Extract],
    ) -> str:
        between = (
            f"inserted_at BETWEEN make_timestamptz({first}::BIGINT) "
            f"AND make_timestamptz({last}::BIGINT)"
        )
        hot = f"sequence > {sources.after} AND sequence <= {sources.upto} AND {between}"
        parts = [_part(sources.table, hot, extracts, {})]
        folder = self._engine.directory / FOLDER
        paths = {folder / each.path: each for each in sources.files}
        shredded = self._shredded.columns(db, list(paths)) if extracts and paths else {}
        # Files that are read in the same way are read together.
        alike: dict[tuple[str, tuple[tuple[str, str], ...]], list[Path]] = {}
        for path, file in paths.items():
            # Not to compare the time of each event saves a tenth of many questions.
            whole = first <= file.oldest and file.newest <= last
            has = shredded.get(path, {})
            used = tuple(
                (each.pointer, has[each.pointer]) for each in extracts if each.pointer in has
            )
            alike.setdefault(("true" if whole else between, used), []).append(path)
        for (condition, used), some in alike.items():
            parts.append(_part(read_parquet(some), condition, extracts, dict(used)))
        return (
            "CREATE TEMP VIEW events AS SELECT *, CAST(inserted_at AS DATE) AS day "
            f"FROM ({' UNION ALL '.join(parts)})"
        )


def _part(
    source: str, condition: str, extracts: Collection[Extract], columns: Mapping[str, str]
) -> str:
    """Return some of the events; `columns`: what is extracted already, by pointer."""
    extracted = [f"{columns.get(each.pointer, each.sql())} AS {each.column}" for each in extracts]
    return f"SELECT {', '.join([NAMES, *extracted])} FROM {source} WHERE {condition}"
