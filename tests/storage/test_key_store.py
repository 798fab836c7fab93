"""What every engine's key store promises (`KeyStore`), and what is the embedded one's own."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from analytex import sqlite
from analytex.domain.environments import Environment, Key, Permission
from analytex.errors import Conflict, DataDirectoryError, Unavailable
from analytex.storage.embedded.keys import EmbeddedKeyStore
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_key_store

Open = Callable[[], KeyStore]

ENGINES: dict[str, Callable[[Path], KeyStore]] = {
    "embedded": lambda folder: EmbeddedKeyStore(folder / "store.db"),
}


@pytest.fixture(params=ENGINES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store again and again, as several processes do."""
    opened: list[KeyStore] = []

    def open_it() -> KeyStore:
        opened.append(ENGINES[request.param](tmp_path))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> KeyStore:
    """A store in which nothing is yet."""
    return open_store()


@pytest.fixture
def production(store: KeyStore) -> Environment:
    """An environment to make keys for."""
    return store.create_environment(app_token="NX-0a1b2c3d", name="production", at=1_000)


def a_key(
    environment_id: int, id: str = "k1", hash: bytes = b"#" * 32, revoked_at: int | None = None
) -> Key:
    return Key(
        id=id,
        environment_id=environment_id,
        name="importer",
        hint="cdef",
        hash=hash,
        permissions=frozenset({Permission.READ, Permission.INGEST}),
        created_at=2_000,
        revoked_at=revoked_at,
    )


def test_a_new_store_is_empty(store: KeyStore) -> None:
    """The first start finds out by this that it is the first."""
    assert store.environments() == []
    assert store.keys() == []


def test_environments_are_listed_oldest_first(store: KeyStore) -> None:
    """The oldest is the one that is meant where none is named."""
    later = store.create_environment(app_token="NX-b", name="staging", at=2_000)
    latest = store.create_environment(app_token="NX-a", name="a test", at=3_000)

    assert store.environments() == [later, latest]
    assert (later.app_token, later.name, later.created_at) == ("NX-b", "staging", 2_000)
    assert later.id != latest.id


def test_an_app_token_names_one_environment(store: KeyStore, production: Environment) -> None:
    """Two environments of one token could not be told apart."""
    with pytest.raises(Conflict):
        store.create_environment(app_token=production.app_token, name="other", at=2_000)

    assert store.environments() == [production]


@pytest.mark.parametrize("revoked_at", [None, 5_000])
def test_a_key_comes_back_as_it_was_stored(
    store: KeyStore, production: Environment, revoked_at: int | None
) -> None:
    """Nothing of it is lost or changed, its permissions least of all."""
    key = a_key(production.id, revoked_at=revoked_at)

    store.create_key(key)

    assert store.keys() == [key]


@pytest.mark.parametrize(
    ("id", "hash"),
    [
        pytest.param("k1", b"2" * 32, id="same id"),
        pytest.param("k2", b"1" * 32, id="same hash"),
    ],
)
def test_ids_and_hashes_are_unique(
    store: KeyStore, production: Environment, id: str, hash: bytes
) -> None:
    """An id says which key to revoke, and a hash which environment a request is for."""
    first = a_key(production.id, "k1", b"1" * 32)
    store.create_key(first)

    with pytest.raises(Conflict):
        store.create_key(a_key(production.id, id, hash))

    assert store.keys() == [first]


def test_a_key_needs_its_environment(store: KeyStore, production: Environment) -> None:
    """A key that opens nothing would only confuse."""
    with pytest.raises(Conflict):
        store.create_key(a_key(production.id + 1))


def test_keys_are_listed_oldest_first_with_the_revoked_ones(
    store: KeyStore, production: Environment
) -> None:
    """Which key was revoked, and when, is worth knowing later."""
    for id in ("k2", "k1", "k3"):
        store.create_key(a_key(production.id, id, id.encode() * 16))
    store.revoke_key("k1", at=4_000)

    keys = store.keys()
    assert [(key.id, key.revoked_at) for key in keys] == [
        ("k2", None),
        ("k1", 4_000),
        ("k3", None),
    ]


@pytest.mark.parametrize(
    ("ends", "ended"),
    [
        pytest.param([4_000], 4_000, id="once"),
        pytest.param([4_000, 6_000], 4_000, id="an end is not put off"),
        pytest.param([6_000, 4_000], 4_000, id="but may come earlier"),
    ],
)
def test_a_key_ends_at_the_earliest_time_it_was_told(
    store: KeyStore, production: Environment, ends: list[int], ended: int
) -> None:
    """To revoke a key in its grace period ends it now; nothing brings a revoked key back."""
    store.create_key(a_key(production.id))

    assert all(store.revoke_key("k1", at=end) for end in ends)

    assert store.keys()[0].revoked_at == ended


def test_revoking_an_unknown_key_says_so(store: KeyStore) -> None:
    """Who mistypes an id must not believe that the key is gone."""
    assert store.revoke_key("nobody", at=4_000) is False


def test_every_change_gives_a_new_version(store: KeyStore) -> None:
    """Servers look at the version alone to find out that they must load the keys again."""
    versions = [store.version()]
    environment = store.create_environment(app_token="NX-1", name="production", at=1_000)
    versions.append(store.version())
    store.create_key(a_key(environment.id))
    versions.append(store.version())
    store.revoke_key("k1", at=4_000)
    versions.append(store.version())

    assert len(set(versions)) == 4


def test_what_changes_nothing_keeps_the_version(store: KeyStore, production: Environment) -> None:
    """Reading and being refused cost the servers nothing."""
    before = store.version()

    store.keys()
    store.environments()
    with pytest.raises(Conflict):
        store.create_environment(app_token=production.app_token, name="other", at=2_000)

    assert store.version() == before


def test_a_refused_change_is_not_in_the_way_of_the_next(open_store: Open) -> None:
    """Neither here nor in another process, which would wait for it to end."""
    here, there = open_store(), open_store()
    here.create_environment(app_token="NX-1", name="production", at=1_000)
    with pytest.raises(Conflict):
        here.create_environment(app_token="NX-1", name="again", at=1_000)

    there.create_environment(app_token="NX-2", name="from there", at=2_000)
    here.create_environment(app_token="NX-3", name="from here", at=3_000)

    assert [each.app_token for each in there.environments()] == ["NX-1", "NX-2", "NX-3"]


def test_a_change_is_seen_from_everywhere_at_once(open_store: Open) -> None:
    """The command line makes a key while servers run."""
    here, there = open_store(), open_store()
    before = there.version()

    environment = here.create_environment(app_token="NX-1", name="production", at=1_000)
    here.create_key(a_key(environment.id))

    assert there.version() != before
    assert there.environments() == [environment]
    assert there.keys() == [a_key(environment.id)]


def test_everything_is_there_after_opening_again(open_store: Open) -> None:
    """Also the version, which must not fall back to one that a server has seen."""
    with closing(open_store()) as store:
        environment = store.create_environment(app_token="NX-1", name="production", at=1_000)
        store.create_key(a_key(environment.id))
        version = store.version()

    again = open_store()

    assert again.environments() == [environment]
    assert again.keys() == [a_key(environment.id)]
    assert again.version() == version


def test_writers_at_the_same_time_lose_nothing(open_store: Open) -> None:
    """Several people, scripts and servers may make keys at once."""
    environment = open_store().create_environment(app_token="NX-1", name="production", at=1_000)
    stores = [open_store() for _ in range(4)]

    def make_ten(writer: int) -> None:
        for i in range(10):
            id = f"{writer}-{i}"
            stores[writer].create_key(a_key(environment.id, id, id.encode() * 8))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(make_ten, range(4)))

    assert len(open_store().keys()) == 40
    assert open_store().version() == stores[0].version()


def test_opening_makes_the_directory(tmp_path: Path) -> None:
    """The commands that create something need no other command before them."""
    with closing(open_key_store(tmp_path / "new" / "data")) as store:
        assert store.keys() == []


def test_opening_without_making_refuses_an_empty_directory(tmp_path: Path) -> None:
    """Who lists keys in the wrong directory should hear so, and find no new files there."""
    with pytest.raises(DataDirectoryError, match="There is no analytex data"):
        open_key_store(tmp_path, create=False)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
def test_a_directory_that_cannot_be_is_refused_by_name(tmp_path: Path, create: bool) -> None:
    """The message is for the person who set `--data`."""
    (tmp_path / "file").touch()

    with pytest.raises(DataDirectoryError, match=f"{tmp_path}/file/data"):
        open_key_store(tmp_path / "file" / "data", create=create)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """It belongs to somebody else, and stays as it is."""
    file = tmp_path / "store.db"
    file.write_text("notes of somebody else\n" * 100)

    with pytest.raises(DataDirectoryError, match=r"store\.db cannot be opened"):
        open_key_store(tmp_path)

    assert file.read_text() == "notes of somebody else\n" * 100


def test_a_change_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here another process holds the file for longer than we wait."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    with (
        closing(EmbeddedKeyStore(tmp_path / "store.db")) as store,
        closing(sqlite3.connect(tmp_path / "store.db")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="cannot be written"):
            store.create_environment(app_token="NX-1", name="production", at=1_000)
        other.execute("ROLLBACK")

        assert store.environments() == []
        assert store.create_environment(app_token="NX-1", name="production", at=1_000).id == 1
