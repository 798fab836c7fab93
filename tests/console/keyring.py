"""The keys behind the console's back, as the command line sees them."""

from contextlib import closing

from analytex.auth.keys import now
from analytex.domain.environments import Key
from analytex.storage.open import open_key_store
from tests.server import Client


def keys(client: Client) -> list[Key]:
    """Return the keys of a client's environment, oldest first."""
    with closing(open_key_store(client.server.data)) as store:
        environment = next(e for e in store.environments() if e.app_token == client.app_token)
        found = store.keys()
    return [key for key in found if key.environment_id == environment.id]


def revoke(client: Client) -> None:
    """Revoke a client's key as the command line does."""
    key = next(each for each in keys(client) if client.key.endswith(each.hint))
    with closing(open_key_store(client.server.data)) as store:
        store.revoke_key(key.id, at=now())
