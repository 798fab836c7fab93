"""The page of keys: who may what in the environment that is shown, and new environments."""

import re
from contextlib import suppress
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.auth.administration import MAX_NAME_CHARS, is_name
from analytex.auth.keys import NewKey, make_key_id, now
from analytex.console.gate import SIGN_IN, Form, needs
from analytex.console.pages import Console
from analytex.console.sessions import PLACE
from analytex.console.snippets import snippets
from analytex.domain.environments import Environment, Key, Permission
from analytex.errors import AnalytexError, BadRequest, Conflict, SettingsError, Unavailable

MEANINGS: Final = (
    (Permission.INGEST, "send calls and files, delete, replay"),
    (Permission.READ, "read users, companies, events, answers, jobs"),
    (Permission.ADMIN, "all of it, and keys and the server's settings"),
)
GRACES: Final = (
    ("0", "at once"),
    ("3600", "in an hour"),
    ("86400", "in a day"),
    ("604800", "in a week"),
    ("2592000", "in 30 days"),
)
DEFAULT: Final = frozenset((Permission.INGEST, Permission.READ))

_ID: Final = re.compile(r"[0-9a-f]{8}")


def routes(console: Console) -> list[Route]:
    """Return the page and its forms; all need an admin key."""
    pages = _Keys(console)
    admin = Permission.ADMIN
    return [
        Route("/console/keys", needs(admin, pages.list)),
        Route("/console/keys", needs(admin, pages.create), methods=["POST"]),
        Route("/console/keys/revoke", needs(admin, pages.revoke), methods=["POST"]),
        Route("/console/keys/rotate", needs(admin, pages.rotate), methods=["POST"]),
        Route("/console/environments", needs(admin, pages.create_environment), methods=["POST"]),
    ]


class _Keys:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._keys = console.administration

    async def list(self, request: Request) -> Response:
        """Answer `GET /console/keys`."""
        return await self._page(request)

    async def create(self, request: Request) -> Response:
        """Answer `POST /console/keys` with the page that shows the key, this once.

        It is no redirect, as the key must stand in no address and no cookie. The form names the
        key's id, so that sending it again makes no second key.
        """
        form, scope = self._console.form(request), self._console.scope(request)
        name = form.get("name", "").strip()
        permissions = [each for each in Permission if each in form.getlist("permission")]
        errors = {}
        if not is_name(name):
            errors["name"] = f"Expected 1 to {MAX_NAME_CHARS} printable characters."
        if not permissions:
            errors["permission"] = "Choose at least one."
        if errors:
            return await self._page(request, form=form, errors=errors)
        new = await self._keys.create(
            scope.environment_id, id=_new_id(form), name=name, permissions=permissions
        )
        self._console.deps.keyring.refresh()
        environment = self._console.deps.keyring.environment(scope.environment_id)
        return self._made(request, environment, new, f"The key “{name}” is made")

    async def rotate(self, request: Request) -> Response:
        """Answer `POST /console/keys/rotate` with the page that shows the new key, this once."""
        form, scope = self._console.form(request), self._console.scope(request)
        grace = form.get("grace", "0")
        if grace not in dict(GRACES):
            raise BadRequest("The old key cannot end then.", details=f"grace: {grace!r}")
        new = await self._keys.rotate(
            scope.environment_id, form.get("id", ""), new_id=_new_id(form), grace_s=int(grace)
        )
        self._console.deps.keyring.refresh()  # an old key that ends at once is refused from now on
        environment = self._console.deps.keyring.environment(scope.environment_id)
        title = f"Key {new.key.id} replaces {form['id']}"
        return self._made(request, environment, new, title, dict(GRACES)[grace])

    async def revoke(self, request: Request) -> Response:
        """Answer `POST /console/keys/revoke`."""
        form, scope = self._console.form(request), self._console.scope(request)
        key = await self._keys.revoke(scope.environment_id, form.get("id", ""))
        self._console.deps.keyring.refresh()
        called = f"{key.name} ({key.id})" if key.name else key.id
        message = f"The key {called} is revoked."
        if key.id == scope.key_id:
            return await self._signed_out(request, message)
        return self._console.redirect(request, "/console/keys", message)

    async def _signed_out(self, request: Request, message: str) -> Response:
        """Go on without the own key: in another environment of the session, or to the sign-in."""
        sessions, session = await self._console.sessions(), self._console.session(request)
        left = await sessions.without_key(session, session.scope.key_id)
        if left is None:
            message = f"{message} It was the one with which you were signed in."
            response = self._console.redirect(request, SIGN_IN, message)
            sessions.forget(request, response)  # a copy of it has no key either
            return response
        name = self._console.name_of(left.scope)
        message = f"{message} You are signed out of its environment; this is {name}."
        response = self._console.redirect(request, PLACE, message)
        sessions.write(request, response, left)
        return response

    async def create_environment(self, request: Request) -> Response:
        """Answer `POST /console/environments`: make one, and be signed in to it too."""
        form = self._console.form(request)
        name, app_token = form.get("environment", "").strip(), form.get("app_token", "").strip()
        if not is_name(name):
            problem = f"Expected 1 to {MAX_NAME_CHARS} printable characters."
            return await self._page(request, form=form, errors={"environment": problem})
        try:
            made = await self._keys.create_environment(name=name, app_token=app_token or None)
        except (Conflict, SettingsError) as error:
            where = "app_token" if isinstance(error, SettingsError) else "environment"
            return await self._page(request, form=form, errors={where: _sentence(error)})
        keyring, sessions = self._console.deps.keyring, await self._console.sessions()
        keyring.refresh()
        scope = keyring.scope_of(made.key.key.id)
        session = self._console.session(request)
        if scope is not None:
            with suppress(Unavailable):  # the new key is shown in any case: it is nowhere else
                session = request.state.session = await sessions.begin(scope, session)
        title = f"The environment “{name}” is made"
        response = self._made(request, made.environment, made.key, title)
        sessions.write(request, response, session)
        return response

    def _made(
        self,
        request: Request,
        environment: Environment,
        new: NewKey,
        title: str,
        old_ends: str = "",
    ) -> Response:
        base = self._console.base_url(request)
        values = {
            "title": title,
            "made_in": environment,
            "key": new.key,
            "secret": new.secret,
            "permissions": _listed(new.key),
            "old_ends": old_ends,
            "snippets": snippets(base, new.secret),
        }
        return self._console.render(request, "key_made.html", values)

    async def _page(
        self,
        request: Request,
        *,
        form: Form | None = None,
        errors: dict[str, str] | None = None,
    ) -> Response:
        scope = self._console.scope(request)
        at = now()
        rows = [_row(key, at, scope.key_id) for key in await self._keys.keys(scope.environment_id)]
        form = form or Form()
        given = form.getlist("permission") if errors else DEFAULT
        values = {
            "valid": [row for row in rows if row["state"] != "revoked"],
            "revoked": [row for row in reversed(rows) if row["state"] == "revoked"],
            "given": {name: form.get(name, "") for name in ("name", "environment", "app_token")},
            "permissions": [(each, text, each in given) for each, text in MEANINGS],
            "graces": GRACES,
            "errors": {"name": "", "permission": "", "environment": "", "app_token": ""}
            | (errors or {}),
            "new_id": make_key_id(),
            "max_name": str(MAX_NAME_CHARS),
            "snippets": snippets(self._console.base_url(request), "$KEY"),
        }
        return self._console.render(request, "keys.html", values, status=400 if errors else 200)


def _row(key: Key, at: int, own: str) -> dict[str, Any]:
    """Return what the table shows of a key."""
    state = "valid"
    if key.revoked_at is not None:
        state = "revoked" if key.revoked_at <= at else "ends"
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "permissions": _listed(key),
        "created_at": key.created_at,
        "ends_at": key.revoked_at,
        "state": state,
        "own": key.id == own,
    }


def _listed(key: Key) -> list[str]:
    return [each.value for each in Permission if each in key.permissions]


def _new_id(form: Form) -> str:
    """Return the id that the form chose for its key. Raises BadRequest."""
    id = form.get("new_id", "")
    if not _ID.fullmatch(id):
        raise BadRequest("The form is not whole.", details="Load the page again.")
    return id


def _sentence(error: AnalytexError) -> str:
    return f"{error.message} {error.details}".strip()
