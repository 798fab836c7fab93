"""Properties of events with columns of their own, beside `metadata`, in the files of history.

A question about one property would otherwise unpack the `metadata` of all events, which is most of
what a file holds. So each file has some spare columns behind those of the table, with copies of the
properties whose values repeat most: they take a byte or two an event. Which ones these are is said
in the file itself, as key-value metadata, so that it goes wherever the file goes.

The same idea as the shredding of Parquet's type VARIANT (parquet-format, VariantShredding.md), in
files that every reader can open. The spare columns are not part of the table: its schema does not
have them, and so no reader of Delta Lake sees them. Every file has all of them, or reading several
at once would fail in readers that take the first one's columns for everybody's.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analytex.domain.values import pointer_to
from analytex.history.engine import text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

COUNT: Final = 16  #: spare columns
KEY: Final = "analytex.properties"  #: of a file's metadata: a JSON array, a name for each column
SAMPLE_ROWS: Final = 10_000  # looked at to choose, at most
SAMPLE_BYTES: Final = 4 * 1024 * 1024  # of their metadata, whatever strangers put into it
LONGEST_BYTES: Final = 16 * 1024  # of an event's metadata that is looked at
ONE_IN: Final = 100  # of those has the property, or more
REPEATS: Final = 4  # so often each value stands there on average, or more
NAME_CHARS: Final = 255  # of a property, at most
FILES: Final = 20_000  # whose names are kept

_COLUMNS: Final = tuple(f"property_{number}" for number in range(1, COUNT + 1))


def choose(db: "Connection", source: str) -> list[str]:
    """Return the properties that get columns in a file with the rows of a relation.

    They are the most frequent ones whose values repeat, in a sample that is the same each time.
    """
    found = db.execute(
        f"WITH short AS (SELECT metadata FROM {source} WHERE strlen(metadata) <= {LONGEST_BYTES}), "
        "added AS (SELECT metadata, sum(strlen(metadata)) OVER (ROWS UNBOUNDED PRECEDING) AS bytes "
        f"FROM (FROM short USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE (1))), "
        f"sample AS MATERIALIZED (SELECT metadata FROM added WHERE bytes <= {SAMPLE_BYTES}) "
        "SELECT key FROM sample, json_each(metadata) "
        f"WHERE length(key) <= {NAME_CHARS} GROUP BY key "
        f"HAVING count(*) >= (SELECT count(*) FROM sample) / {ONE_IN} "
        f"AND count(*) >= count(DISTINCT value) * {REPEATS} "
        f"ORDER BY count(*) DESC, key LIMIT {COUNT}"
    ).fetchall()
    return [name for (name,) in found]


def shred(source: str, names: Sequence[str]) -> str:
    """Return a relation with the spare columns behind those of another, which has `metadata`.

    A value is JSON, as `json_extract` gives it; NULL: the event does not have the property.
    """
    pointers = ", ".join(text(pointer_to(name)) for name in names)
    values = [f"picked[{place}]" for place in range(1, len(names) + 1)]
    values += ["CAST(NULL AS JSON)"] * (COUNT - len(names))
    columns = ", ".join(map("{} AS {}".format, values, _COLUMNS))
    return (
        f"(SELECT * EXCLUDE (picked), {columns} FROM "
        f"(SELECT *, json_extract(metadata, [{pointers}]::VARCHAR[]) AS picked FROM {source}))"
    )


def key_values(names: Sequence[str]) -> str:
    """Return what a file's metadata is to say, as DuckDB's COPY takes it."""
    return f"{{{text(KEY)}: {text(json.dumps(names))}}}"


class Shredded:
    """Knows which properties have columns in which files. Files never change, so it remembers."""

    def __init__(self) -> None:
        self._columns: dict[Path, dict[str, str]] = {}
        self._lock = threading.Lock()

    def columns(self, db: "Connection", paths: Sequence[Path]) -> dict[Path, dict[str, str]]:
        """Return for each file the columns of properties, by JSON pointer. Raises duckdb.Error."""
        with self._lock:
            unread = [path for path in paths if path not in self._columns]
            if unread:
                if len(self._columns) + len(unread) > FILES:
                    self._columns.clear()
                    unread = list(paths)
                self._columns.update(_read(db, unread))
            return {path: self._columns[path] for path in paths}


def _read(db: "Connection", paths: Sequence[Path]) -> dict[Path, dict[str, str]]:
    listed = ", ".join(text(str(path)) for path in paths)
    said = db.execute(
        f"SELECT file_name, decode(value) FROM parquet_kv_metadata([{listed}]) "
        f"WHERE decode(key) = {text(KEY)}"
    ).fetchall()
    names = {Path(path): json.loads(value) for path, value in said}
    return {
        path: dict(zip(map(pointer_to, names.get(path, [])), _COLUMNS, strict=False))
        for path in paths
    }
