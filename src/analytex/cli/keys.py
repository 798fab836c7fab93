"""`analytex keys`: API keys, which are shown once and stored as hashes."""

import time
from contextlib import closing
from typing import Any, Final

import click

from analytex.auth.environments import create_environment
from analytex.auth.keys import (
    FIRST_ENVIRONMENT,
    RECHECK_US,
    create_key,
    now,
    rotate_key,
    unknown_key_id,
)
from analytex.cli.options import (
    app_option,
    checked_name,
    choose_environment,
    json_option,
    with_settings,
)
from analytex.cli.tables import print_json, print_table
from analytex.domain.environments import Environment, Key, Permission
from analytex.settings import Loaded
from analytex.storage.interface import KeyStore
from analytex.storage.open import open_key_store
from analytex.wire.replies import time_text

DEFAULT_PERMISSIONS: Final = (Permission.INGEST, Permission.READ)

_key_id = click.argument("key_id", metavar="ID", help="The key's id, as `keys list` shows it.")


@click.group()
def keys() -> None:
    """Create, list, revoke and rotate API keys.

    A key opens one environment and may do what its permissions say: `ingest` sends calls, `read`
    reads users, companies and events, `admin` may do everything. Only a hash of it is stored, so
    it is shown once. Changes reach a running server by themselves.
    """


@keys.command()
@app_option
@click.option("--name", callback=checked_name, help="What the key is for, to find it in the list.")
@click.option(
    "--permission",
    "permissions",
    type=click.Choice([each.value for each in Permission]),
    multiple=True,
    help="What the key may do; may be given several times.  [default: ingest and read]",
)
@with_settings("data")
def create(
    app_token: str | None, name: str | None, permissions: tuple[str, ...], loaded: Loaded
) -> None:
    """Create a key and print it, alone on standard output.

    It works at once, also on a running server. In an empty data directory the environment
    `production` is made with it.
    """
    directory = loaded.settings.directory
    with closing(open_key_store(directory)) as store:
        if app_token is None and not store.environments():
            create_environment(store, name=FIRST_ENVIRONMENT, at=now())
            click.echo(f"Made the environment {FIRST_ENVIRONMENT} in {directory}.", err=True)
        environment = choose_environment(store.environments(), app_token)
        new = create_key(
            store,
            environment_id=environment.id,
            name=name or "",
            permissions=map(Permission, permissions or DEFAULT_PERMISSIONS),
            at=now(),
        )
    click.echo(
        f"Key {new.key.id} for {environment.name} ({environment.app_token}) may "
        f"{_permissions(new.key)}. It is shown only this once.",
        err=True,
    )
    _show(new.secret)


@keys.command("list")
@json_option
@with_settings("data")
def list_(as_json: bool, loaded: Loaded) -> None:
    """List the keys of all environments, oldest first, the revoked ones too.

    A key's hint is its last four characters.
    """
    with closing(open_key_store(loaded.settings.directory, create=False)) as store:
        found = store.keys()
        environments = {each.id: each for each in store.environments()}
    at = now()
    if as_json:
        print_json([_json(key, environments[key.environment_id], at) for key in found])
        return
    columns = ("id", "environment", "name", "hint", "permissions", "created", "state")
    print_table(
        columns,
        [
            (
                *(key.id, environments[key.environment_id].name, key.name, key.hint),
                *(_permissions(key), _time(key.created_at), _state(key, at)),
            )
            for key in found
        ],
    )


@keys.command()
@_key_id
@with_settings("data")
def revoke(key_id: str, loaded: Loaded) -> None:
    """Revoke the key ID, for good.

    A running server refuses it within a second; calls that it accepted before stay.
    """
    with closing(open_key_store(loaded.settings.directory, create=False)) as store:
        if not store.revoke_key(key_id, at=now()):
            raise unknown_key_id(key_id)
        key = _get(store, key_id)
    click.echo(f"Key {key_id} is revoked since {_time(key.revoked_at or 0)}.")


@keys.command()
@_key_id
@click.option(
    "--grace",
    type=click.FloatRange(min=0, max=365 * 86_400),
    metavar="SECONDS",
    default=0,
    show_default=True,
    help="How long the old key goes on working, while senders change over.",
)
@with_settings("data")
def rotate(key_id: str, grace: float, loaded: Loaded) -> None:
    """Replace the key ID: print a new one of the same name and permissions, and end the old one."""
    with closing(open_key_store(loaded.settings.directory, create=False)) as store:
        new = rotate_key(store, key_id, at=now(), grace_s=grace)
        old = _get(store, key_id)
    click.echo(
        f"Key {new.key.id} replaces {key_id}, which ends at {_time(old.revoked_at or 0)}. "
        "It is shown only this once.",
        err=True,
    )
    _show(new.secret)


def _show(secret: str) -> None:
    # A server that was asked for an unknown key just before this one was stored looks again only
    # after that long. Whoever reads the key from here finds that it works.
    time.sleep(RECHECK_US / 1_000_000)
    click.echo(secret)


def _get(store: KeyStore, key_id: str) -> Key:
    found = store.keys()
    return next(key for key in found if key.id == key_id)


def _json(key: Key, environment: Environment, at: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "app_token": environment.app_token,
        "environment": environment.name,
        "name": key.name,
        "hint": key.hint,
        "permissions": sorted(key.permissions),
        "created_at": time_text(key.created_at),
        "revoked_at": None if key.revoked_at is None else time_text(key.revoked_at),
        "valid": key.revoked_at is None or at < key.revoked_at,
    }


def _permissions(key: Key) -> str:
    return ", ".join(sorted(key.permissions))


def _state(key: Key, at: int) -> str:
    if key.revoked_at is None:
        return "valid"
    return f"{'valid until' if at < key.revoked_at else 'revoked'} {_time(key.revoked_at)}"


def _time(at: int) -> str:
    return f"{time_text(at):.19}Z"
