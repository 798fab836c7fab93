"""Making environments."""

import re
import secrets
from typing import Final

from analytex.domain.environments import Environment
from analytex.errors import Conflict, SettingsError
from analytex.storage.interface import KeyStore

_APP_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")  # goes into job ids, between colons


def make_app_token() -> str:
    """Return a new app token: `NX-` and 8 hexadecimal digits."""
    return "NX-" + secrets.token_hex(4)


def create_environment(
    store: KeyStore, *, name: str, at: int, app_token: str | None = None
) -> Environment:
    """Create an environment. Raises Conflict if its name or app token is taken.

    Raises SettingsError if the app token is malformed.
    """
    app_token = make_app_token() if app_token is None else _checked(app_token)
    for each in store.environments():
        if each.name == name or each.app_token == app_token:
            raise Conflict(
                f"There is already the environment {each.name} ({each.app_token}).",
                details="Choose another name and app token.",
            )
    return store.create_environment(app_token=app_token, name=name, at=at)


def _checked(app_token: str) -> str:
    if not _APP_TOKEN.fullmatch(app_token):
        raise SettingsError(
            f"The app token {app_token!r} is not valid.",
            details="Expected 1 to 64 letters, digits, dots, underscores and hyphens.",
        )
    return app_token
