"""The storage engine for one machine: the SQLite file `store.db` (tables: `schema.sql`)."""

from typing import Final

FILE: Final = "store.db"  #: name in the data directory
