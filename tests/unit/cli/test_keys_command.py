"""`analytex keys`, on a data directory with and without a server."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from click.testing import Result

from analytex.auth.keys import Keyring, prepare_first_start
from analytex.cli import tables
from analytex.domain.environments import Permission
from analytex.errors import Unauthorized
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_key_store

Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """The store as a running server holds it: in the default data directory, with one admin key."""
    with closing(open_key_store(tmp_path / "analytex-data")) as store:
        prepare_first_start(store, api_key="the-first-admin-key", app_token="NX-one", at=1_000)
        yield store


def listed(run: Run) -> list[dict[str, object]]:
    found = json.loads(run("keys", "list", "--json").stdout)
    assert isinstance(found, list)
    return found


def test_create_prints_the_key_alone(run: Run, store: KeyStore) -> None:
    """`KEY=$(analytex keys create)` holds the key, and the person still reads a sentence."""
    result = run("keys", "create", "--name", "importer")

    assert re.fullmatch(r"ax_[0-9a-f]{40}\n", result.stdout)
    assert "production (NX-one)" in result.stderr
    assert "ingest, read" in result.stderr
    assert "only this once" in result.stderr


def test_a_created_key_works_at_once_on_a_running_server(run: Run, store: KeyStore) -> None:
    """Even if a stranger made the server look for keys a moment before."""
    keyring = Keyring(store)
    with pytest.raises(Unauthorized):
        keyring.authorise(b"Token stranger", None)

    secret = run("keys", "create").stdout.strip()

    keyring.authorise(b"Token " + secret.encode(), Permission.READ)


@pytest.mark.parametrize(
    ("words", "permissions"),
    [
        ([], {"ingest", "read"}),
        (["--permission", "read"], {"read"}),
        (["--permission", "read", "--permission", "admin"], {"read", "admin"}),
    ],
)
def test_permissions_are_chosen_one_by_one(
    run: Run, store: KeyStore, words: list[str], permissions: set[str]
) -> None:
    """What most need is the default; `admin` has to be asked for."""
    run("keys", "create", *words)

    assert store.keys()[-1].permissions == permissions


def test_one_environment_need_not_be_named(run: Run, store: KeyStore) -> None:
    """Most servers have one."""
    assert run("keys", "create").exit_code == 0
    assert run("keys", "create", "--app", "NX-one").exit_code == 0


def test_of_several_environments_one_must_be_named(run: Run, store: KeyStore) -> None:
    """A key for the wrong one would send test data to production."""
    staging = store.create_environment(app_token="NX-two", name="staging", at=2_000)

    refused = run("keys", "create")
    run("keys", "create", "--app", "NX-two")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "`--app TOKEN`" in refused.stderr
    assert "NX-one (production); NX-two (staging)" in refused.stderr
    assert store.keys()[-1].environment_id == staging.id
    assert len(store.keys()) == 2


def test_an_unknown_app_token_lists_those_there_are(run: Run, store: KeyStore) -> None:
    """A typo is seen at once."""
    result = run("keys", "create", "--app", "NX-three")

    assert result.exit_code == 1
    assert "no environment with the app token NX-three" in result.stderr
    assert "NX-one (production)" in result.stderr


def test_create_works_before_the_first_start(run: Run, tmp_path: Path) -> None:
    """A script may make the keys first and start the server then."""
    result = run("keys", "create", "--data", "fresh")

    assert result.exit_code == 0
    assert f"Made the environment production in {tmp_path / 'fresh'}." in result.stderr
    with closing(open_key_store(tmp_path / "fresh", create=False)) as store:
        assert [each.name for each in store.environments()] == ["production"]
        Keyring(store).authorise(b"Token " + result.stdout.strip().encode(), Permission.INGEST)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[31mred", "x" * 101])
def test_a_name_is_one_printable_line(run: Run, store: KeyStore, name: str) -> None:
    """It is written to terminals, where control characters do harm."""
    assert run("keys", "create", "--name", name).exit_code == 2
    assert len(store.keys()) == 1


def test_list_shows_what_is_known_of_a_key_for_scripts(run: Run, store: KeyStore) -> None:
    """Everything but the key, which nobody knows any more."""
    secret = run("keys", "create", "--name", "importer").stdout.strip()
    key = store.keys()[-1]

    found = listed(run)[-1]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(found.pop("created_at")))
    assert found == {
        "id": key.id,
        "app_token": "NX-one",
        "environment": "production",
        "name": "importer",
        "hint": secret[-4:],
        "permissions": ["ingest", "read"],
        "revoked_at": None,
        "valid": True,
    }


def test_list_is_aligned_text_in_a_pipe(run: Run, store: KeyStore) -> None:
    """`grep` and `awk` read it; columns are two blanks apart."""
    run("keys", "create", "--name", "importer")

    head, _, row = run("keys", "list").stdout.splitlines()

    columns = ["ID", "ENVIRONMENT", "NAME", "HINT", "PERMISSIONS", "CREATED", "STATE"]
    assert re.split(r"  +", head) == columns
    assert [row.index(word) for word in ("production", "importer", "ingest, read", "valid")] == [
        head.index(name) for name in ("ENVIRONMENT", "NAME", "PERMISSIONS", "STATE")
    ]


def test_list_is_a_drawn_table_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A narrow one wraps and cuts nothing off; names are not read as markup."""
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    tables.print_table(("id", "name"), [("8f3a", "[red]paint[/red]"), ("77aa", "long " * 30)])

    drawn = capsys.readouterr().out
    assert "[red]paint[/red]" in drawn
    assert drawn.count("long") == 30
    assert "…" not in drawn


def test_revoke_ends_a_key(run: Run, store: KeyStore) -> None:
    """A running server refuses it as soon as it has looked again."""
    keyring, (key,) = Keyring(store), store.keys()

    result = run("keys", "revoke", key.id)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Key {key.id} is revoked since 20")
    assert listed(run)[0]["valid"] is False
    assert " revoked 20" in run("keys", "list").stdout
    keyring.refresh()
    with pytest.raises(Unauthorized, match="was revoked"):
        keyring.authorise(b"Token the-first-admin-key", None)


def test_revoking_again_changes_nothing(run: Run, store: KeyStore) -> None:
    """A script may run twice."""
    (key,) = store.keys()
    run("keys", "revoke", key.id)
    before = store.keys()

    assert run("keys", "revoke", key.id).exit_code == 0
    assert store.keys() == before


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_an_unknown_id_is_a_failure(run: Run, store: KeyStore, verb: str) -> None:
    """The key that was meant is still valid."""
    result = run("keys", verb, "nobody")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no key nobody." in result.stderr


def test_rotate_prints_the_new_key_alone_and_ends_the_old_one(run: Run, store: KeyStore) -> None:
    """`KEY=$(analytex keys rotate ID)`, as for create."""
    (old,) = store.keys()

    result = run("keys", "rotate", old.id)

    assert re.fullmatch(r"ax_[0-9a-f]{40}\n", result.stdout)
    assert f"replaces {old.id}" in result.stderr
    keyring = Keyring(store)
    keyring.authorise(b"Token " + result.stdout.strip().encode(), Permission.ADMIN)
    with pytest.raises(Unauthorized, match="was revoked"):
        keyring.authorise(b"Token the-first-admin-key", None)


def test_rotate_can_leave_time_to_change_over(run: Run, store: KeyStore) -> None:
    """Both keys work meanwhile, and the list says until when."""
    (old,) = store.keys()

    run("keys", "rotate", old.id, "--grace", "3600")

    assert [key["valid"] for key in listed(run)] == [True, True]
    assert " valid until 20" in run("keys", "list").stdout
    Keyring(store).authorise(b"Token the-first-admin-key", Permission.ADMIN)


@pytest.mark.parametrize("words", [["list"], ["revoke", "abc"], ["rotate", "abc"]])
def test_only_create_makes_a_data_directory(run: Run, tmp_path: Path, words: list[str]) -> None:
    """In the wrong folder the others say so, and leave nothing behind."""
    result = run("keys", *words)

    assert result.exit_code == 1
    assert "There is no analytex data" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_directory_comes_from_option_variable_or_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same three sources as for the server, so that both mean the same directory."""
    (tmp_path / "my.toml").write_text('data = "c"')
    run("keys", "create", "--data", "a")
    run("keys", "create", "--config", "my.toml")
    monkeypatch.setenv("ANALYTEX_DATA", "b")
    run("keys", "create")

    assert {each.name for each in tmp_path.iterdir()} == {"a", "b", "c", "my.toml"}


def test_a_key_can_be_made_while_the_server_writes(
    run: Run, store: KeyStore, tmp_path: Path
) -> None:
    """The applier holds the file for moments; the command waits for its turn."""
    file = tmp_path / "analytex-data" / "store.db"
    with closing(sqlite3.connect(file, check_same_thread=False)) as applier:
        applier.execute("UPDATE applied SET position = 1")  # begins a transaction
        commit = Timer(0.2, applier.commit)
        commit.start()
        result = run("keys", "create")
        commit.join()

    assert result.exit_code == 0
    assert len(store.keys()) == 2
