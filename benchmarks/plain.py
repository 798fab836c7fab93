"""The reference for questions and exports: plain DuckDB over the same events in one Parquet file.

It is what a person would use who has the events as a file: no server, no zone but UTC, and nothing
that comes in meanwhile. The file has the columns that events need, in the order in which the events
came, written as `COPY ... TO` writes files without further words.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from broken import Broken

NAME = "events.parquet"
COLUMNS = (
    "id, app_token, event_type, event_name, user_id, company_id, source, inserted_at, "
    "metadata, company"
)


class Plain:
    """An open DuckDB with the view `events`."""

    def __init__(self, folder: Path, files: list[Path], events: int) -> None:
        """`files` of the history are copied into one file, unless it is there already."""
        self.path = folder / NAME
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("SET enable_progress_bar = false")
        if not self.path.exists():
            listed = ", ".join(f"'{file}'" for file in files)
            part = self.path.with_suffix(".part")
            self._db.execute("SET memory_limit = '2GiB'")
            self._db.execute(f"SET temp_directory = '{folder}/plain.tmp'")
            self._db.execute(
                f"COPY (SELECT {COLUMNS} FROM read_parquet([{listed}]) ORDER BY sequence) "  # noqa: S608
                f"TO '{part}' (FORMAT parquet)"
            )
            self._db.execute("RESET memory_limit")
            part.rename(self.path)
        self._db.execute(f"CREATE VIEW events AS FROM read_parquet('{self.path}')")
        (count,) = self.ask("SELECT count(*) FROM events")[0]
        if count != events:
            raise Broken(f"{self.path} holds {count:,} events of {events:,}")

    def ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._db.execute(question, values).fetchall()

    def close(self) -> None:
        """Give its memory back."""
        self._db.close()


def day_text(day: datetime) -> str:
    """A day as our replies name a bucket in UTC."""
    return day.strftime("%Y-%m-%dT00:00:00+00:00")
