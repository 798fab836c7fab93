"""API keys: the check that every request passes, and making, rotating and first keys.

A key is a secret that is shown once; only its SHA-256 is kept. That is enough here, without a slow
hash, because a made-up key holds 160 random bits and cannot be found by trying.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

from analytex.auth import refusals
from analytex.auth.environments import create_environment
from analytex.domain.environments import Environment, Key, Permission, Scope
from analytex.errors import AnalytexError, Conflict, NotFound, SettingsError
from analytex.storage.interface import KeyStore

SCHEMES: Final = frozenset((b"token", b"bearer"))
RECHECK_US: Final = 50_000  # an unknown key makes us look into the store at most this often
FIRST_ENVIRONMENT: Final = "production"
HINT_CHARS: Final = 4
MIN_KEY_CHARS: Final = 8  # of a key that the operator chose

_KEY: Final = re.compile(rf"[!-~]{{{MIN_KEY_CHARS},256}}")


def now() -> int:
    """Return microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


def make_key() -> str:
    """Return a new key: `ax_` and 40 hexadecimal digits."""
    return "ax_" + secrets.token_hex(20)


def make_key_id() -> str:
    """Return an id for a key that is yet to be made: 8 hexadecimal digits."""
    return secrets.token_hex(4)


class _Known(NamedTuple):
    """A key as a request needs it."""

    hash: bytes
    scope: Scope
    allows: frozenset[Permission | None]  #: None: what any valid key may do
    ends_at: int | None


class Keyring:
    """All keys, in memory. It and its store belong to one thread."""

    def __init__(self, store: KeyStore, *, clock: Callable[[], int] = now) -> None:
        """Load the keys. `clock` returns microseconds since 1970-01-01 UTC."""
        self._store = store
        self._clock = clock
        self._known: dict[bytes, _Known] = {}
        self._by_id: dict[str, _Known] = {}
        self._environments: dict[int, Environment] = {}
        self._app_tokens: frozenset[bytes] = frozenset()
        self._version: int | None = None
        self._looked_at = 0
        self._unreadable: AnalytexError | None = None
        self.refresh()

    def authorise(self, authorization: bytes | None, needs: Permission | None) -> Scope:
        """Return whom the Authorization header speaks for; `needs` None asks for any valid key.

        Raises Unauthorized. A key that is not known yet is looked up in the store, which takes
        microseconds; Unavailable if the store cannot be read, so that the sender tries again.
        """
        words = authorization.split() if authorization else ()
        if len(words) != 2 or words[0].lower() not in SCHEMES:
            raise refusals.no_key(authorization)
        digest = sha256(words[1]).digest()
        known = self._known.get(digest) or self._look_again(digest)
        if known is None or not compare_digest(known.hash, digest):
            raise refusals.unknown_key(words[1], self._app_tokens)
        if known.ends_at is not None and self._clock() >= known.ends_at:
            raise refusals.revoked(known.scope)
        if needs not in known.allows:
            raise refusals.lacks(known.scope, needs)
        return known.scope

    def scope_of(self, key_id: str) -> Scope | None:
        """Return what the key of that id stands for; None if there is none, or it has ended."""
        known = self._by_id.get(key_id)
        if known is None or (known.ends_at is not None and self._clock() >= known.ends_at):
            return None
        return known.scope

    def environment(self, environment_id: int) -> Environment:
        """Return an environment that a scope names."""
        return self._environments[environment_id]

    def refresh(self) -> None:
        """Load the keys again if they changed. Raises Unavailable; what was known stays."""
        version = self._store.version()
        if version == self._version:
            return
        keys = self._store.keys()  # before the environments: each key finds its own among them
        environments = {each.id: each for each in self._store.environments()}
        self._known = {key.hash: _known(key, environments[key.environment_id]) for key in keys}
        self._by_id = {known.scope.key_id: known for known in self._known.values()}
        self._environments = environments
        self._app_tokens = frozenset(each.app_token.encode() for each in environments.values())
        self._version = version

    def _look_again(self, digest: bytes) -> _Known | None:
        now = self._clock()
        if not 0 <= now - self._looked_at < RECHECK_US:
            self._looked_at = now
            try:
                self.refresh()
                self._unreadable = None
            except AnalytexError as error:
                self._unreadable = error
        if self._unreadable is not None:  # the key may be a new one: not the sender's fault
            raise self._unreadable.with_traceback(None)
        return self._known.get(digest)


class NewKey(NamedTuple):
    """A key that was just made, with the secret, which is nowhere else."""

    key: Key
    secret: str


def create_key(
    store: KeyStore,
    *,
    environment_id: int,
    name: str,
    permissions: Iterable[Permission],
    at: int,
    secret: str | None = None,
    id: str | None = None,
) -> NewKey:
    """Make and store a key. Raises Conflict if the given secret, or the given id, is a key's."""
    secret = secret or make_key()
    key = Key(
        id=id or make_key_id(),
        environment_id=environment_id,
        name=name,
        hint=_hint(secret),
        hash=sha256(secret.encode()).digest(),
        permissions=frozenset(permissions),
        created_at=at,
    )
    store.create_key(key)
    return NewKey(key, secret)


def rotate_key(
    store: KeyStore, key_id: str, *, at: int, grace_s: float = 0, new_id: str | None = None
) -> NewKey:
    """Make a key like that one, which ends `grace_s` seconds later.

    Raises NotFound, and Conflict if the old key has ended, or `new_id` is a key's already. A
    crash in between leaves both valid.
    """
    keys = store.keys()
    old = next((key for key in keys if key.id == key_id), None)
    if old is None:
        raise unknown_key_id(key_id)
    if old.revoked_at is not None and old.revoked_at <= at:
        raise Conflict(
            f"The key {key_id} was revoked already.", details="`analytex keys create` makes one."
        )
    new = create_key(
        store,
        environment_id=old.environment_id,
        name=old.name,
        permissions=old.permissions,
        at=at,
        id=new_id,
    )
    store.revoke_key(key_id, at=at + round(grace_s * 1_000_000))
    return new


def unknown_key_id(key_id: str) -> NotFound:
    """Return the error for a key id that does not exist."""
    return NotFound(f"There is no key {key_id}.", details="`analytex keys list` shows their ids.")


class FirstStart(NamedTuple):
    """What a start found or made."""

    environment: Environment
    secret: str | None  #: a key that was made up, to be shown once
    given_key_revoked: bool  #: the key from the settings exists, but was revoked


def prepare_first_start(
    store: KeyStore, *, api_key: str | None, app_token: str | None, at: int
) -> FirstStart:
    """Make sure that there is an environment and an admin key; change nothing if there is.

    `api_key` and `app_token` are the settings of that name: they exist afterwards, the key in the
    environment of that app token (else in the oldest), unless the key was revoked.
    Raises SettingsError if they are malformed, or the key exists otherwise than they say.
    """
    if api_key is not None and not _KEY.fullmatch(api_key):
        raise SettingsError(
            "The setting `api_key` is not valid.",
            details=f"Expected {MIN_KEY_CHARS} to 256 printable ASCII characters without blanks.",
        )
    keys = store.keys()
    for key in keys:
        if api_key is not None and compare_digest(key.hash, sha256(api_key.encode()).digest()):
            return _given_key_exists(store, key, app_token, at)
    environment = _environment_for_start(store, app_token, at)
    secret = None
    if api_key is not None or not keys:
        new = create_key(
            store,
            environment_id=environment.id,
            name="from the settings" if api_key else "first start",
            permissions={Permission.ADMIN},
            at=at,
            secret=api_key,
        )
        secret = None if api_key else new.secret
    return FirstStart(environment, secret, False)


def _environment_for_start(store: KeyStore, app_token: str | None, at: int) -> Environment:
    environments = store.environments()
    if app_token is None and environments:
        return environments[0]
    for each in environments:
        if each.app_token == app_token:
            return each
    name = app_token if app_token and environments else FIRST_ENVIRONMENT
    return create_environment(store, name=name, app_token=app_token, at=at)


def _given_key_exists(store: KeyStore, key: Key, app_token: str | None, at: int) -> FirstStart:
    environment = next(each for each in store.environments() if each.id == key.environment_id)
    if app_token not in (None, environment.app_token):
        raise SettingsError(
            "The setting `api_key` does not fit `app_token`.",
            details=f"The key belongs to {environment.name} ({environment.app_token}).",
        )
    if Permission.ADMIN not in key.permissions:
        raise SettingsError(
            "The setting `api_key` names a key that is not an admin key.",
            details=f"Key {key.id} exists and may {refusals.listed(key.permissions)} only.",
        )
    return FirstStart(environment, None, key.revoked_at is not None and key.revoked_at <= at)


def _known(key: Key, environment: Environment) -> _Known:
    scope = Scope(
        environment_id=environment.id,
        app_token=environment.app_token,
        key_id=key.id,
        permissions=key.permissions,
    )
    allows = frozenset(each for each in Permission if scope.may(each))
    return _Known(key.hash, scope, allows | {None}, key.revoked_at)


def _hint(secret: str) -> str:
    return secret[-HINT_CHARS:] if len(secret) >= 4 * HINT_CHARS else ""
