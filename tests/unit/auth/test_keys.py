"""Who may do what: `analytex.auth.keys`."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analytex.auth.environments import create_environment, make_app_token
from analytex.auth.keys import (
    RECHECK_US,
    Keyring,
    NewKey,
    create_key,
    make_key,
    prepare_first_start,
    rotate_key,
)
from analytex.domain.environments import Environment, Key, Permission
from analytex.errors import Conflict, NotFound, SettingsError, Unauthorized, Unavailable
from analytex.storage.embedded.keys import EmbeddedKeyStore
from analytex.storage.interface import KeyStore

SECOND = 1_000_000
CHOSEN = "a-key-of-the-operator"

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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    with closing(WatchedStore(tmp_path / "store.db")) as store:
        yield store


@pytest.fixture
def production(store: WatchedStore) -> Environment:
    return create_environment(store, name="production", app_token="NX-0a1b2c3d", at=1_000)


@pytest.fixture
def make(store: WatchedStore, production: Environment) -> MakeKey:
    """Make a key of the environment `production`."""

    def make_it(*permissions: Permission, secret: str | None = None) -> NewKey:
        return create_key(
            store,
            environment_id=production.id,
            name="test",
            permissions=permissions or (Permission.INGEST,),
            at=1_000,
            secret=secret,
        )

    return make_it


def header(secret: str) -> bytes:
    return f"Token {secret}".encode()


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


# Keyring


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


# The first start


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
