"""Why a request is refused for its key, in words that help its sender."""

import re
from collections.abc import Collection, Iterable
from typing import Final

from analytex.domain.environments import Permission, Scope
from analytex.errors import Unauthorized

_LIKE_AN_APP_TOKEN: Final = re.compile(rb"(STG-)?NX-.+", re.IGNORECASE)


def no_key(authorization: bytes | None) -> Unauthorized:
    """Return the refusal of a request whose header holds no key."""
    expected = "Expected the header `Authorization: Token <API key>`."
    if not authorization or authorization.isspace():
        return Unauthorized("The API key is missing.", details=expected)
    return Unauthorized("The Authorization header is not in the right form.", details=expected)


def unknown_key(key: bytes, app_tokens: Collection[bytes]) -> Unauthorized:
    """Return the refusal of a key that does not exist."""
    if key in app_tokens or _LIKE_AN_APP_TOKEN.fullmatch(key):
        details = (
            "This looks like an app token. Using the app token as key is the commonest mistake: "
            "the API key is another text, and secret."
        )
    else:
        details = "It is not a key of this server; `analytex keys list` shows how each key ends."
    return Unauthorized("The API key is not valid.", details=details)


def revoked(scope: Scope) -> Unauthorized:
    """Return the refusal of a key that has ended."""
    return Unauthorized(
        "The API key was revoked.",
        details=f"It was key {scope.key_id}; `analytex keys create` makes another one.",
    )


def lacks(scope: Scope, needs: Permission | None) -> Unauthorized:
    """Return the refusal of a key that may not do this; the contract knows no 403."""
    return Unauthorized(
        f"The API key does not have the permission `{needs}`.",
        details=f"Key {scope.key_id} may {listed(scope.permissions)}; "
        f"`analytex keys create --permission {needs}` makes one that may.",
    )


def listed(permissions: Iterable[Permission]) -> str:
    """Return permissions as a person reads them."""
    return ", ".join(sorted(permissions))
