"""Current properties of users and companies, handed to DuckDB for one question."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from analytex.domain.profiles import Company, User
from analytex.history.engine import TooSlow
from analytex.query.insights.asked import Owner, Property
from analytex.query.insights.source import PROFILES
from analytex.storage.interface import ReadStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

AT_ONCE: Final = 5000

Rows = list[tuple[str, bytes]]  #: id, and JSON of the properties that are asked for
Profiles = dict[Owner, Rows]


def read(
    store: ReadStore, environment_id: int, asked: Sequence[Property], *, timeout_s: float
) -> Profiles:
    """Return, per owner that is asked for, the profiles that have any of the properties.

    Takes about 5 microseconds for each profile. Raises TooSlow and Unavailable.
    """
    deadline = time.monotonic() + timeout_s
    found: Profiles = {}
    for owner in PROFILES:
        keys = {property.key for property in asked if property.owner is owner}
        if keys:
            found[owner] = rows = []
            for page in _pages(store, environment_id, owner):
                if time.monotonic() > deadline:
                    raise TooSlow(
                        details=f"It was stopped after {timeout_s:g} seconds "
                        "(setting `query_timeout`)."
                    )
                for profile in page:
                    properties = profile.properties
                    some = {key: properties[key] for key in keys & properties.keys()}
                    if some:
                        rows.append((profile.id, msgspec.json.encode(some)))
    return found


def hand_over(db: "Connection", profiles: Profiles) -> None:
    """Make the temporary tables that `PROFILES` names."""
    from arro3.core import Array, DataType, Table

    for owner, rows in profiles.items():
        columns: dict[str, Any] = {
            "id": Array([id for id, _ in rows], DataType.string()),
            "properties": Array([text.decode() for _, text in rows], DataType.string()),
        }
        db.register("handed_over", Table.from_pydict(columns))
        try:
            db.execute(f"CREATE TEMP TABLE {PROFILES[owner][0]} AS SELECT * FROM handed_over")
        finally:
            db.unregister("handed_over")


def _pages(
    store: ReadStore, environment_id: int, owner: Owner
) -> Iterator[Sequence[User] | Sequence[Company]]:
    listed: Callable[..., Sequence[User] | Sequence[Company]]
    listed = store.list_users if owner is Owner.USER else store.list_companies
    after: str | None = None
    while page := listed(environment_id, after=after, limit=AT_ONCE):
        yield page
        after = page[-1].id
