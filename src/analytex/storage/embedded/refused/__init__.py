"""Refused requests: the SQLite file `refused.db` (tables: `schema.sql`), apart from all else.

A flood of refused requests then never holds the write lock of the store or the log.
"""

from typing import Final

FILE: Final = "refused.db"  #: name in the data directory
