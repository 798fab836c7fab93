"""Whom a request speaks for."""

from starlette.requests import Request

from analytex.auth.keys import Keyring
from analytex.domain.environments import Permission, Scope


def authorise(request: Request, keyring: Keyring, needs: Permission | None) -> Scope:
    """Return the scope of the request's key, and note it in `state.key`. Raises Unauthorized."""
    header = request.headers.get("authorization")
    scope = keyring.authorise(None if header is None else header.encode("latin-1"), needs)
    request.state.key = scope
    return scope
