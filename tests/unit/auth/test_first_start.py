"""The first start makes an environment and a key; a later one brings no surprise."""

import re

import pytest

from analytex.auth.environments import create_environment
from analytex.auth.keys import (
    Keyring,
    prepare_first_start,
)
from analytex.domain.environments import Environment, Key, Permission
from analytex.errors import SettingsError, Unauthorized
from analytex.storage.interface import KeyStore
from tests.unit.auth.watched import CHOSEN, MakeKey, WatchedStore, header


def what_is_there(store: KeyStore) -> tuple[list[Environment], list[Key]]:
    return store.environments(), store.keys()


def test_the_first_start_makes_an_environment_and_an_admin_key(store: WatchedStore) -> None:
    """One command, and the first call can be sent."""
    first = prepare_first_start(store, api_key=None, app_token=None, at=1_000)

    assert first.environment.name == "production"
    assert re.fullmatch(r"NX-[0-9a-f]{8}", first.environment.app_token)
    assert first.secret is not None
    scope = Keyring(store).authorise(header(first.secret), Permission.ADMIN)
    assert scope.environment_id == first.environment.id


@pytest.mark.parametrize("api_key", [None, CHOSEN])
@pytest.mark.parametrize("app_token", [None, "NX-0a1b2c3d"])
def test_a_second_start_changes_nothing(
    store: WatchedStore, api_key: str | None, app_token: str | None
) -> None:
    """A server is restarted often, and its key printed once."""
    first = prepare_first_start(store, api_key=api_key, app_token=app_token, at=1_000)
    before = what_is_there(store), store.version()

    second = prepare_first_start(store, api_key=api_key, app_token=app_token, at=2_000)

    assert second == first._replace(secret=None)
    assert (what_is_there(store), store.version()) == before


def test_a_start_makes_up_no_key_where_there_was_one(store: WatchedStore, make: MakeKey) -> None:
    """Not even if all are revoked: somebody wanted it so."""
    store.revoke_key(make().key.id, at=1_000)

    assert prepare_first_start(store, api_key=None, app_token=None, at=2_000).secret is None
    assert len(store.keys()) == 1


def test_the_settings_name_the_first_key_and_app_token(store: WatchedStore) -> None:
    """Containers and tests know both before the server runs, so nothing is printed."""
    first = prepare_first_start(store, api_key=CHOSEN, app_token="NX-test", at=1_000)

    assert first.secret is None
    assert first.environment.app_token == "NX-test"
    scope = Keyring(store).authorise(header(CHOSEN), Permission.ADMIN)
    assert scope.app_token == "NX-test"


def test_a_key_of_the_settings_is_made_beside_others(store: WatchedStore, make: MakeKey) -> None:
    """The setting may come later than the first start; then it is the oldest environment's."""
    make()

    first = prepare_first_start(store, api_key=CHOSEN, app_token=None, at=2_000)

    assert first.environment.app_token == "NX-0a1b2c3d"
    assert Keyring(store).authorise(header(CHOSEN), Permission.ADMIN).app_token == "NX-0a1b2c3d"


def test_an_app_token_of_the_settings_is_made_beside_others(
    store: WatchedStore, production: Environment
) -> None:
    """It has a name of its own, so that the two can be told apart."""
    first = prepare_first_start(store, api_key=CHOSEN, app_token="NX-new", at=2_000)

    assert first.environment.name == first.environment.app_token == "NX-new"
    assert Keyring(store).authorise(header(CHOSEN), None).app_token == "NX-new"
    assert store.environments() == [production, first.environment]


def test_a_revoked_key_of_the_settings_stays_revoked(store: WatchedStore) -> None:
    """A restart must not bring back what somebody revoked; the start can say so."""
    prepare_first_start(store, api_key=CHOSEN, app_token=None, at=1_000)
    store.revoke_key(store.keys()[0].id, at=2_000)

    again = prepare_first_start(store, api_key=CHOSEN, app_token=None, at=3_000)

    assert again.given_key_revoked
    with pytest.raises(Unauthorized, match="was revoked"):
        Keyring(store).authorise(header(CHOSEN), None)


@pytest.mark.parametrize("app_token", ["NX-new", "NX-old"])
def test_a_key_of_another_environment_is_a_contradiction(
    store: WatchedStore, make: MakeKey, app_token: str
) -> None:
    """To start would send the calls elsewhere than the settings say."""
    make(Permission.ADMIN, secret=CHOSEN)
    create_environment(store, name="old", app_token="NX-old", at=1_000)
    before = what_is_there(store)

    with pytest.raises(SettingsError, match="does not fit") as error:
        prepare_first_start(store, api_key=CHOSEN, app_token=app_token, at=2_000)

    assert "NX-0a1b2c3d" in error.value.details
    assert what_is_there(store) == before


def test_a_lesser_key_is_not_made_an_admin_key(store: WatchedStore, make: MakeKey) -> None:
    """It may be in other hands, for which its permissions were chosen."""
    make(Permission.INGEST, secret=CHOSEN)

    with pytest.raises(SettingsError, match="not an admin key"):
        prepare_first_start(store, api_key=CHOSEN, app_token=None, at=2_000)


@pytest.mark.parametrize("api_key", ["", "short", "with blank in it", "line\nbreak", "schlüssel-1"])
def test_a_key_that_no_header_can_carry_is_refused(store: WatchedStore, api_key: str) -> None:
    """Otherwise the server would start, and every call be refused. The key is not repeated."""
    with pytest.raises(SettingsError) as error:
        prepare_first_start(store, api_key=api_key, app_token=None, at=1_000)

    assert not api_key or api_key not in error.value.message + error.value.details
    assert what_is_there(store) == ([], [])
