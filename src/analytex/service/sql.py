"""Questions of the operator's own, in SQL, on a data directory as it is at one moment.

DuckDB gets the views `events`, `users` and `companies`, and nothing else: no other file, no
network, no setting, no extension, and only statements that read. Files of history it reads by
itself; of what is in `store.db` it gets a copy, of those tables only that the question names: about
5 microseconds for each event that is not in history yet, and for each user or company.
"""

# ruff: noqa: S608 - what stands in the SQL is ours, or was made a literal by `text`

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from analytex.domain.environments import Environment
from analytex.domain.history import FOLDER, HistoryFile, Sealed
from analytex.domain.profiles import Company, User
from analytex.errors import BadRequest
from analytex.history.columns import COLUMNS, FROM_STORED, NAMES
from analytex.history.engine import put_rows, read_parquet, text
from analytex.query.moments import at_one_moment
from analytex.storage.open import open_read_store
from analytex.storage.sealing import HistoryReadStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

VIEWS: Final = ("events", "users", "companies")
PAGE: Final = 1000  # profiles read at once
MOST_BYTES_SPILLED: Final = "20GiB"

Result = TypeVar("Result")

_FARTHEST: Final = 253_402_300_799_999_999  # the end of the year 9999: no event is outside
_EVENTS: Final = ", ".join(f"{column.name} {column.kind}" for column in COLUMNS)
_TIMES: Final = "make_timestamptz(first_seen_at) AS first_seen_at, " + (
    "make_timestamptz(last_seen_at) AS last_seen_at"
)
_encode: Final = msgspec.json.Encoder().encode


class SqlError(BadRequest):
    """The question cannot be answered."""

    code = "sql"


class Limits(NamedTuple):
    """What a question may take."""

    memory_bytes: int
    threads: int
    spill: Path  #: an empty folder for what does not fit in memory


class Answer(NamedTuple):
    """What a question gives."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]  #: raises SqlError


@contextmanager
def ask(
    directory: Path, environments: Sequence[Environment], question: str, limits: Limits
) -> Iterator[Answer]:
    """Answer one SELECT over these environments; rows may be fetched until the block ends.

    Raises SqlError, and Unavailable if the data cannot be read.
    """
    import duckdb  # slow to import

    _check(question)
    config: dict[str, Any] = {
        "memory_limit": f"{limits.memory_bytes // 2**20}MiB",
        "threads": limits.threads,
        "temp_directory": str(limits.spill),
        "max_temp_directory_size": MOST_BYTES_SPILLED,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    with (
        duckdb.connect(":memory:", config=config) as db,
        closing(open_read_store(directory)) as store,
    ):
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET enable_progress_bar = false")
        named = [name for name in VIEWS if re.search(rf"\b{name}\b", question, re.IGNORECASE)]

        def read(sealed: Sealed) -> list[HistoryFile]:
            return _read(db, store, environments, sealed, named or VIEWS)

        with at_one_moment(store, directory, read) as files:
            paths = [directory.resolve() / FOLDER / file.path for file in files]
            if "events" in (named or VIEWS):
                db.execute(_events_view(paths))
            _lock(db, paths)
            with _asking():
                _interruptibly(db, lambda: db.execute(question))
                columns = [name for name, *_ in db.description or ()]
            yield Answer(columns, _rows(db))


def _check(question: str) -> None:
    """Raise SqlError unless it is one statement that reads."""
    import duckdb

    if not question.isascii() and question != question.encode("utf-8", "replace").decode():
        raise SqlError("The question is not valid UTF-8.")
    with _asking(), duckdb.connect(":memory:") as db:
        found = db.extract_statements(question)
    if len(found) != 1:
        raise SqlError(
            f"Expected one SQL statement, and there are {len(found)}." if found else "It is empty.",
            details="Such as: SELECT event_name, count(*) FROM events GROUP BY ALL",
        )
    kinds = duckdb.StatementType
    # MULTI is a PIVOT. An EXPLAIN is not among them, as it may execute what it explains.
    if found[0].type not in (kinds.SELECT, kinds.MULTI):
        raise SqlError(
            "Only statements that read are answered.",
            details="That is SELECT, WITH, FROM, PIVOT, DESCRIBE, SUMMARIZE or SHOW TABLES.",
        )


def _read(
    db: "Connection",
    store: HistoryReadStore,
    environments: Sequence[Environment],
    sealed: Sealed,
    names: Sequence[str],
) -> list[HistoryFile]:
    """Copy what the store has, and return the files of history. May be called again."""
    files: list[HistoryFile] = []
    if "events" in names:
        last = store.last_sequence()
        db.execute(f"CREATE OR REPLACE TABLE hot ({_EVENTS})")
        for each in environments:
            files += store.history_files(each.id, since=-_FARTHEST, before=_FARTHEST)
            fill = (
                f"INSERT INTO hot SELECT {NAMES} FROM (SELECT * REPLACE ({text(each.app_token)} AS "
                f"app_token) FROM ({FROM_STORED}))"
            )
            for rows in store.hot_rows(each.id, after=sealed.upto, upto=last):
                put_rows(db, rows, fill)
    if "users" in names:
        _put_profiles(db, "users", ("user_id", "company_id"), environments, store.list_users, _user)
    if "companies" in names:
        _put_profiles(
            db, "companies", ("company_id",), environments, store.list_companies, _company
        )
    return files


def _put_profiles(
    db: "Connection",
    table: str,
    ids: Sequence[str],
    environments: Sequence[Environment],
    page: Callable[..., Sequence[Any]],
    row: Callable[[Any], tuple[Any, ...]],
) -> None:
    texts = ("app_token", *ids, "metadata")
    times = ("first_seen_at", "last_seen_at")
    columns = [*(f"{name} VARCHAR" for name in texts), *(f"{name} TIMESTAMPTZ" for name in times)]
    db.execute(f"CREATE OR REPLACE TABLE {table} ({', '.join(columns)})")
    for each in environments:
        after: str | None = None
        while found := page(each.id, after=after, limit=PAGE):
            rows = [(each.app_token, *row(profile)) for profile in found]
            _insert(db, table, texts, times, rows)
            after = found[-1].id


def _user(user: User) -> tuple[Any, ...]:
    metadata = _encode(user.properties).decode()
    return user.id, user.company_id, metadata, user.first_seen_at, user.last_seen_at


def _company(company: Company) -> tuple[Any, ...]:
    metadata = _encode(company.properties).decode()
    return company.id, metadata, company.first_seen_at, company.last_seen_at


def _insert(
    db: "Connection",
    table: str,
    texts: Sequence[str],
    times: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    from arro3.core import Array, DataType, Table

    kinds = [DataType.string()] * len(texts) + [DataType.int64()] * len(times)
    columns = zip((*texts, *times), kinds, zip(*rows, strict=True), strict=True)
    arrays: dict[str, Any] = {name: Array(list(values), kind) for name, kind, values in columns}
    db.register("profiles", Table.from_pydict(arrays))
    try:
        db.execute(f"INSERT INTO {table} SELECT {', '.join(texts)}, {_TIMES} FROM profiles")
    finally:
        db.unregister("profiles")


def _events_view(paths: Sequence[Path]) -> str:
    parts = ["SELECT * FROM hot"]
    if paths:
        parts.append(f"SELECT {NAMES} FROM {read_parquet(paths)}")
    return (
        "CREATE VIEW events AS SELECT *, CAST(inserted_at AS DATE) AS day "
        f"FROM ({' UNION ALL '.join(parts)})"
    )


def _lock(db: "Connection", paths: Sequence[Path]) -> None:
    """Let it touch nothing but these files, from now on."""
    db.execute(f"SET allowed_paths = [{', '.join(text(str(path)) for path in paths)}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def _rows(db: "Connection") -> Iterator[tuple[Any, ...]]:
    while True:
        with _asking():
            some = _interruptibly(db, lambda: db.fetchmany(PAGE))
        if not some:
            return
        yield from some


def _interruptibly(db: "Connection", work: Callable[[], Result]) -> Result:
    """Let DuckDB work in another thread: only the first one hears Ctrl-C, and must be free to."""
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(work)
        try:
            return result.result()
        except KeyboardInterrupt:
            db.interrupt()
            raise


@contextmanager
def _asking() -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SqlError(
            "The question needs more memory than it may have.",
            details="Ask for less at once, or raise the setting `query_memory`.",
        ) from error
    except duckdb.Error as error:
        kind, _, message = str(error).partition(": ")
        raise SqlError(
            "DuckDB does not answer this question.", details=message.strip() or kind
        ) from error
