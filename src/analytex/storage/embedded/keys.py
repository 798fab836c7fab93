"""Environments and keys in `store.db`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from analytex import sqlite
from analytex.domain.environments import Environment, Key, Permission
from analytex.errors import Conflict, DataDirectoryError, Unavailable
from analytex.storage.embedded import FILE

_SQL: Final = sqlite.queries(__package__, "keys.sql")


class EmbeddedKeyStore:
    """Keeps environments and keys (see `KeyStore`); any number of processes may, at any time.

    Methods wait up to `sqlite.BUSY_TIMEOUT_S` for another writer, and raise Unavailable if the
    file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises DataDirectoryError if that is impossible."""
        try:
            self._db = sqlite.connect(path, __package__)
            self._db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise _unusable(path, error) from error

    def version(self) -> int:
        """Return a number that changes whenever environments or keys do; takes microseconds."""
        return int(self._read("version")[0][0])

    def environments(self) -> list[Environment]:
        """Return all environments, oldest first."""
        return [
            Environment(id=id, app_token=app_token, name=name, created_at=created_at)
            for id, app_token, name, created_at in self._read("environments")
        ]

    def create_environment(self, *, app_token: str, name: str, at: int) -> Environment:
        """Create an environment. Raises Conflict if the app token exists."""
        with self._change() as db:
            id = db.execute(_SQL["add_environment"], (app_token, name, at)).lastrowid
        assert id is not None
        return Environment(id=id, app_token=app_token, name=name, created_at=at)

    def keys(self) -> list[Key]:
        """Return all keys, the revoked ones too, oldest first."""
        return [_key(row) for row in self._read("keys")]

    def create_key(self, key: Key) -> None:
        """Store a key. Raises Conflict if its id or hash exists, or its environment does not."""
        with self._change() as db:
            db.execute(_SQL["add_key"], _row(key))

    def revoke_key(self, key_id: str, *, at: int) -> bool:
        """Let the key end at that time unless it ends earlier; False if there is no such key."""
        with self._change() as db:
            return db.execute(_SQL["revoke_key"], {"id": key_id, "at": at}).rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, query: str) -> list[Any]:
        try:
            return self._db.execute(_SQL[query]).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"{FILE} cannot be read.", details=f"{error}.") from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Make a change and count it, in one transaction that is on disk at the end."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute(_SQL["changed"])
            db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise Conflict(
                "The store holds something that excludes it.", details=f"{error}."
            ) from error
        except sqlite3.Error as error:
            raise Unavailable(f"{FILE} cannot be written.", details=f"{error}.") from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _row(key: Key) -> tuple[Any, ...]:
    permissions = " ".join(sorted(key.permissions))
    return (
        *(key.id, key.environment_id, key.name, key.hint, key.hash, permissions),
        *(key.created_at, key.revoked_at),
    )


def _key(row: tuple[Any, ...]) -> Key:
    id, environment_id, name, hint, hash, permissions, created_at, revoked_at = row
    return Key(
        id=id,
        environment_id=environment_id,
        name=name,
        hint=hint,
        hash=hash,
        permissions=frozenset(map(Permission, permissions.split())),
        created_at=created_at,
        revoked_at=revoked_at,
    )


def _unusable(path: Path, error: sqlite3.Error) -> DataDirectoryError:
    return DataDirectoryError(f"{path} cannot be opened.", details=f"{error}.")
