"""A store of keys that is watched, a clock that is moved, and how a key stands in a header."""

from collections.abc import Callable
from typing import Final

from analytex.auth.keys import NewKey
from analytex.errors import Unavailable
from analytex.storage.embedded.keys import EmbeddedKeyStore

SECOND: Final = 1_000_000
CHOSEN: Final = "a-key-of-the-operator"

MakeKey = Callable[..., NewKey]


class Clock:
    """A clock that moves when it is told to, in microseconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class WatchedStore(EmbeddedKeyStore):
    """A store that counts how often it is looked at, and can be told to fail."""

    looks = 0
    broken = False

    def version(self) -> int:
        self.looks += 1
        if self.broken:
            raise Unavailable("store.db cannot be read.")
        return super().version()


def header(secret: str) -> bytes:
    """Return what a sender puts into `Authorization`."""
    return f"Token {secret}".encode()
