"""Who may do what: the keyring knows every key, also while the store is slow or broken."""

import pytest

from analytex.auth.environments import create_environment
from analytex.auth.keys import (
    RECHECK_US,
    Keyring,
    create_key,
)
from analytex.domain.environments import Environment, Permission
from analytex.errors import Unauthorized, Unavailable
from tests.unit.auth.watched import SECOND, Clock, MakeKey, WatchedStore, header


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("Token {}", id="as documented"),
        pytest.param("token {}", id="lower case, as older pages and some clients have it"),
        pytest.param("TOKEN {}", id="upper case"),
        pytest.param("Bearer {}", id="bearer"),
        pytest.param("bearer {}", id="bearer in lower case"),
        pytest.param("  Token \t  {}  ", id="blanks around and between"),
    ],
)
def test_a_key_is_taken_in_every_form_that_clients_send(
    store: WatchedStore, make: MakeKey, production: Environment, form: str
) -> None:
    """No client needs a change to talk to us."""
    new = make()
    scope = Keyring(store).authorise(form.format(new.secret).encode(), Permission.INGEST)

    assert scope.environment_id == production.id
    assert scope.app_token == "NX-0a1b2c3d"
    assert scope.key_id == new.key.id


@pytest.mark.parametrize(
    ("authorization", "message", "details"),
    [
        pytest.param(None, "is missing", "Authorization: Token <API key>", id="no header"),
        pytest.param(b"", "is missing", "Authorization: Token <API key>", id="empty"),
        pytest.param(b"  ", "is missing", "Authorization: Token <API key>", id="blank"),
        pytest.param(b"Token", "right form", "Token <API key>", id="scheme alone"),
        pytest.param(b"ax_1234", "right form", "Token <API key>", id="key alone"),
        pytest.param(b"Basic ax_1234", "right form", "Token <API key>", id="other scheme"),
        pytest.param(b"Token ax_1 2", "right form", "Token <API key>", id="blank in the key"),
        pytest.param(b"Token ax_1234", "not valid", "not a key of this server", id="unknown"),
        pytest.param(b"Token \xff\x00", "not valid", "not a key", id="bytes that are no text"),
        pytest.param(b"Token NX-0a1b2c3d", "not valid", "commonest mistake", id="our app token"),
        pytest.param(b"Token STG-NX-12ab34cd", "not valid", "commonest mistake", id="another one"),
    ],
)
def test_a_refusal_says_what_to_do(
    store: WatchedStore,
    production: Environment,
    authorization: bytes | None,
    message: str,
    details: str,
) -> None:
    """The sender sees the reply only, not our logs."""
    with pytest.raises(Unauthorized) as refusal:
        Keyring(store).authorise(authorization, Permission.INGEST)

    assert message in refusal.value.message
    assert details in refusal.value.details


def test_an_app_token_of_any_shape_is_recognised(store: WatchedStore) -> None:
    """An operator may have chosen one that does not begin with NX-."""
    create_environment(store, name="production", app_token="our-own", at=1_000)

    with pytest.raises(Unauthorized) as refusal:
        Keyring(store).authorise(b"Token our-own", None)

    assert "commonest mistake" in refusal.value.details


@pytest.mark.parametrize(
    ("has", "may", "may_not"),
    [
        (Permission.INGEST, [Permission.INGEST, None], [Permission.READ, Permission.ADMIN]),
        (Permission.READ, [Permission.READ, None], [Permission.INGEST, Permission.ADMIN]),
        (Permission.ADMIN, [*Permission, None], []),
    ],
)
def test_a_key_may_do_what_its_permissions_say(
    store: WatchedStore,
    make: MakeKey,
    has: Permission,
    may: list[Permission | None],
    may_not: list[Permission],
) -> None:
    """A key in a browser or on a partner's machine need not open everything."""
    keyring, authorization = Keyring(store), header(make(has).secret)
    keyring.refresh()

    for needs in may:
        assert keyring.authorise(authorization, needs).permissions == {has}
    for needed in may_not:
        with pytest.raises(Unauthorized, match=f"does not have the permission `{needed}`") as error:
            keyring.authorise(authorization, needed)
        assert f"--permission {needed}" in error.value.details


def test_each_environment_has_its_own_keys(store: WatchedStore, make: MakeKey) -> None:
    """The key alone decides which world a call lands in."""
    staging = create_environment(store, name="staging", at=1_000)
    its_key = create_key(
        store, environment_id=staging.id, name="", permissions=[Permission.READ], at=1_000
    )
    keyring = Keyring(store)

    assert keyring.authorise(header(its_key.secret), None).app_token == staging.app_token
    assert keyring.authorise(header(make().secret), None).app_token == "NX-0a1b2c3d"


def test_a_known_key_never_waits_for_the_store(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """Every call passes here, and has to while the store is slow or broken, too."""
    new = make()
    keyring = Keyring(store, clock=clock)
    store.broken = True
    store.looks = 0

    for _ in range(100):
        clock.now += SECOND
        assert keyring.authorise(header(new.secret), Permission.INGEST).key_id == new.key.id

    assert store.looks == 0


def test_a_new_key_works_at_once(store: WatchedStore, make: MakeKey, clock: Clock) -> None:
    """Nobody should have to wait or restart the server after making a key."""
    keyring = Keyring(store, clock=clock)
    new = make()

    assert keyring.authorise(header(new.secret), Permission.INGEST).key_id == new.key.id


def test_strangers_make_us_look_into_the_store_rarely(
    store: WatchedStore, production: Environment, clock: Clock
) -> None:
    """Wrong keys are refused from memory, however fast they come."""
    keyring = Keyring(store, clock=clock)
    store.looks = 0

    for i in range(1_000):
        clock.now += RECHECK_US // 100
        with pytest.raises(Unauthorized):
            keyring.authorise(header(f"guess-{i}"), Permission.INGEST)

    assert 1 <= store.looks <= 10


def test_between_two_looks_a_new_key_waits_fifty_milliseconds(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """The command line shows a new key that much later, so that nobody meets this."""
    keyring = Keyring(store, clock=clock)
    with pytest.raises(Unauthorized):
        keyring.authorise(b"Token guess", None)
    new = make()

    clock.now += RECHECK_US - 1
    with pytest.raises(Unauthorized):
        keyring.authorise(header(new.secret), None)
    clock.now += 1

    assert keyring.authorise(header(new.secret), None).key_id == new.key.id


def test_a_clock_that_was_set_back_does_not_lock_new_keys_out(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """Time servers do that."""
    keyring = Keyring(store, clock=clock)
    with pytest.raises(Unauthorized):
        keyring.authorise(b"Token guess", None)
    new = make()
    clock.now -= 3600 * SECOND

    assert keyring.authorise(header(new.secret), None).key_id == new.key.id


def test_an_unknown_key_is_not_refused_while_the_store_cannot_be_read(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """It may be a new one; senders drop a call on 401, and send it again on 503."""
    keyring = Keyring(store, clock=clock)
    new = make()
    store.broken = True

    for _ in range(2):  # the second time is answered from memory
        with pytest.raises(Unavailable):
            keyring.authorise(header(new.secret), None)
    store.broken = False
    clock.now += RECHECK_US

    assert keyring.authorise(header(new.secret), None).key_id == new.key.id


def test_a_revoked_key_is_refused_after_the_next_refresh(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """The server refreshes once a second, so a leaked key is dead a second later."""
    new = make()
    keyring = Keyring(store, clock=clock)
    store.revoke_key(new.key.id, at=clock.now)

    keyring.refresh()

    with pytest.raises(Unauthorized, match="was revoked") as refusal:
        keyring.authorise(header(new.secret), Permission.INGEST)
    assert new.key.id in refusal.value.details


def test_a_key_with_an_end_works_until_then(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """A rotated key has a grace period; nothing needs to happen for it to end."""
    new = make()
    store.revoke_key(new.key.id, at=clock.now + 10 * SECOND)
    keyring = Keyring(store, clock=clock)

    clock.now += 10 * SECOND - 1
    keyring.authorise(header(new.secret), Permission.INGEST)
    clock.now += 1

    with pytest.raises(Unauthorized, match="was revoked"):
        keyring.authorise(header(new.secret), Permission.INGEST)


def test_a_refresh_that_fails_keeps_the_keys(
    store: WatchedStore, make: MakeKey, clock: Clock
) -> None:
    """A disk that fails for a moment must not lock everybody out."""
    new = make()
    keyring = Keyring(store, clock=clock)
    store.broken = True

    with pytest.raises(Unavailable):
        keyring.refresh()

    assert keyring.authorise(header(new.secret), None).key_id == new.key.id


def test_a_refresh_loads_nothing_when_nothing_changed(
    store: WatchedStore, make: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs every second for as long as the server lives."""
    make()
    keyring = Keyring(store)
    monkeypatch.setattr(store, "keys", None)  # to call it would be an error

    keyring.refresh()
