"""Whom a request speaks for."""

from typing import Final

from starlette.requests import Request

from analytex.auth import refusals
from analytex.auth.keys import Keyring
from analytex.domain.environments import Permission, Scope

#: In the ASGI scope of a request that the server itself sends on: the `Scope` that it speaks for.
#: Nothing that comes over the network can set it.
SPEAKS_FOR: Final = "analytex.speaks_for"


def authorise(request: Request, keyring: Keyring, needs: Permission | None) -> Scope:
    """Return the scope of the request's key, and note it in `state.key`. Raises Unauthorized."""
    given: Scope | None = request.scope.get(SPEAKS_FOR)
    if given is not None:
        if needs is not None and not given.may(needs):
            raise refusals.lacks(given, needs)
        request.state.key = given
        return given
    header = request.headers.get("authorization")
    scope = keyring.authorise(None if header is None else header.encode("latin-1"), needs)
    request.state.key = scope
    return scope
