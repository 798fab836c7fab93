"""What tracks need to know of users, kept in memory: most tracks come from few users."""

from collections.abc import Iterable, Set
from typing import Final

from analytex.domain.profiles import User
from analytex.storage.interface import ApplyStore, Membership, ProfileKey

LIMIT: Final = 50_000  # users; about 15 MB


class Memberships:
    """A cache over `ApplyStore.memberships`, right as long as only its owner changes the store."""

    def __init__(self, store: ApplyStore, *, limit: int = LIMIT) -> None:
        self._store = store
        self._limit = limit
        self._known: dict[ProfileKey, Membership] = {}

    def find(self, keys: Set[ProfileKey]) -> dict[ProfileKey, Membership]:
        """Return the membership of those of the users that exist."""
        known = self._known
        found = {key: known[key] for key in keys if key in known}
        if len(found) < len(keys):
            self._make_room(len(keys))
            loaded = self._store.memberships(keys - found.keys())
            known.update(loaded)
            found.update(loaded)
        return found

    def stored(self, users: Iterable[User]) -> None:
        """Note users that the store now holds in this form."""
        for user in users:
            key = (user.environment_id, user.id)
            self._known[key] = Membership(user.company_id, user.first_seen_at)
        self._make_room(0)

    def forget(self) -> None:
        """Forget all: somebody else changed the store."""
        self._known.clear()

    def _make_room(self, wanted: int) -> None:
        if len(self._known) + wanted > self._limit:
            self._known.clear()  # rare, and cheaper than knowing which was used last
