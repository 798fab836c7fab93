"""Keys and environments: what they look like, what is kept of them, and how a key is replaced."""

import re
from pathlib import Path

import pytest

from analytex.auth.environments import create_environment, make_app_token
from analytex.auth.keys import (
    Keyring,
    make_key,
    rotate_key,
)
from analytex.domain.environments import Environment, Permission
from analytex.errors import Conflict, NotFound, SettingsError, Unauthorized
from tests.unit.auth.watched import SECOND, Clock, MakeKey, WatchedStore, header


def test_keys_and_app_tokens_look_as_documented() -> None:
    """People tell them apart at a glance, and scripts may rely on it."""
    assert re.fullmatch(r"ax_[0-9a-f]{40}", make_key())
    assert re.fullmatch(r"NX-[0-9a-f]{8}", make_app_token())
    assert make_key() != make_key()


def test_only_a_hash_and_a_hint_of_a_key_are_stored(
    store: WatchedStore, make: MakeKey, tmp_path: Path
) -> None:
    """Who reads the files of the server cannot send in the customer's name."""
    secret = make().secret
    store.close()

    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert secret[-4:].encode() in stored
    assert secret.encode() not in stored
    assert secret[3:23].encode() not in stored


def test_the_hint_gives_no_large_part_of_a_short_key_away(make: MakeKey) -> None:
    """Four of eight characters would be half of the secret."""
    assert make(secret="12345678").key.hint == ""


# Rotating


def test_rotating_replaces_a_key_by_its_like(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """Whoever holds the new key may do exactly what the old one could."""
    old = make(Permission.READ, Permission.ADMIN)

    new = rotate_key(store, old.key.id, at=clock.now)

    assert (new.key.environment_id, new.key.name, new.key.permissions) == (
        old.key.environment_id,
        old.key.name,
        old.key.permissions,
    )
    keyring = Keyring(store, clock=clock)
    assert keyring.authorise(header(new.secret), Permission.READ).key_id == new.key.id
    with pytest.raises(Unauthorized, match="was revoked"):
        keyring.authorise(header(old.secret), Permission.READ)


def test_a_rotated_key_works_during_its_grace_period(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """Senders are changed over one by one, without a gap."""
    old = make()
    rotate_key(store, old.key.id, at=clock.now, grace_s=60)
    keyring = Keyring(store, clock=clock)

    clock.now += 59 * SECOND
    keyring.authorise(header(old.secret), Permission.INGEST)
    clock.now += SECOND

    with pytest.raises(Unauthorized, match="was revoked"):
        keyring.authorise(header(old.secret), Permission.INGEST)


def test_a_key_that_is_revoked_or_unknown_cannot_be_rotated(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """A revoked key must not give birth to a valid one."""
    old = make()
    store.revoke_key(old.key.id, at=clock.now)

    with pytest.raises(Conflict, match="revoked already"):
        rotate_key(store, old.key.id, at=clock.now)
    with pytest.raises(NotFound, match="no key nobody"):
        rotate_key(store, "nobody", at=clock.now)

    assert len(store.keys()) == 1


# Environments


def test_names_and_app_tokens_of_environments_are_unique(
    store: WatchedStore, production: Environment
) -> None:
    """Two of one name are a mistake, most likely a script that ran twice."""
    with pytest.raises(Conflict, match="already the environment production"):
        create_environment(store, name="production", at=2_000)
    with pytest.raises(Conflict, match="already the environment production"):
        create_environment(store, name="other", app_token=production.app_token, at=2_000)

    assert store.environments() == [production]


@pytest.mark.parametrize("app_token", ["", "a:b", "a b", "a/b", "ä", "x" * 65, "NX-1\n"])
def test_an_app_token_holds_nothing_that_an_address_or_a_job_id_cannot(
    store: WatchedStore, app_token: str
) -> None:
    """Job ids put it between colons, and addresses between slashes."""
    with pytest.raises(SettingsError, match="is not valid"):
        create_environment(store, name="production", app_token=app_token, at=1_000)
