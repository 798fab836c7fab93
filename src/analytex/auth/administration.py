"""Making and ending keys while the server runs, for whoever may administer their environment."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from analytex.auth.environments import create_environment
from analytex.auth.keys import NewKey, create_key, now, rotate_key, unknown_key_id
from analytex.domain.environments import Environment, Key, Permission
from analytex.storage.interface import KeyStore
from analytex.storage.threads import StoreThreads

MAX_NAME_CHARS: Final = 100
FIRST_KEY: Final = "first key"


def is_name(name: str) -> bool:
    """Tell whether a key or an environment may be called that."""
    return 1 <= len(name) <= MAX_NAME_CHARS and name.isprintable()


class NewEnvironment(NamedTuple):
    """An environment that was just made, with the first key that opens it."""

    environment: Environment
    key: NewKey


class Administration:
    """Changes keys in a thread of its own: a change waits for the disk, and for other writers."""

    def __init__(self, open_store: Callable[[], KeyStore]) -> None:
        """`open_store` is called in the thread, when it is first needed."""
        self._stores = StoreThreads(open_store, threads=1, name="keys")

    async def keys(self, environment_id: int) -> list[Key]:
        """Return the keys of an environment, the revoked ones too, oldest first."""
        return await self._stores.run(lambda store: _keys(store, environment_id))

    async def create(
        self, environment_id: int, *, id: str, name: str, permissions: Iterable[Permission]
    ) -> NewKey:
        """Make a key. Raises Conflict if the id is a key's already: the form was sent twice."""
        return await self._stores.run(
            lambda store: create_key(
                store,
                environment_id=environment_id,
                name=name,
                permissions=permissions,
                at=now(),
                id=id,
            )
        )

    async def rotate(
        self, environment_id: int, key_id: str, *, new_id: str, grace_s: float
    ) -> NewKey:
        """Replace a key of the environment. Raises NotFound, and Conflict as `rotate_key` does."""

        def rotate(store: KeyStore) -> NewKey:
            _key(store, environment_id, key_id)
            return rotate_key(store, key_id, at=now(), grace_s=grace_s, new_id=new_id)

        return await self._stores.run(rotate)

    async def revoke(self, environment_id: int, key_id: str) -> Key:
        """End a key of the environment now, and return it as it was. Raises NotFound."""

        def revoke(store: KeyStore) -> Key:
            key = _key(store, environment_id, key_id)
            store.revoke_key(key_id, at=now())
            return key

        return await self._stores.run(revoke)

    async def create_environment(self, *, name: str, app_token: str | None) -> NewEnvironment:
        """Make an environment and an admin key for it. Raises Conflict and SettingsError."""

        def create(store: KeyStore) -> NewEnvironment:
            at = now()
            environment = create_environment(store, name=name, app_token=app_token, at=at)
            key = create_key(
                store,
                environment_id=environment.id,
                name=FIRST_KEY,
                permissions={Permission.ADMIN},
                at=at,
            )
            return NewEnvironment(environment, key)

        return await self._stores.run(create)

    def close(self) -> None:
        """Stop the thread."""
        self._stores.close()


def _keys(store: KeyStore, environment_id: int) -> list[Key]:
    found = store.keys()
    return [key for key in found if key.environment_id == environment_id]


def _key(store: KeyStore, environment_id: int, key_id: str) -> Key:
    """Return a key; one of another environment is as unknown as one that does not exist."""
    for key in _keys(store, environment_id):
        if key.id == key_id:
            return key
    raise unknown_key_id(key_id)
