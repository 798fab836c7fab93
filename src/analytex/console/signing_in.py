"""Signing in with a key, with further keys for other environments, and signing out."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.console.gate import SIGN_IN, of_any_environment, without_session
from analytex.console.pages import Console
from analytex.console.sessions import COOKIE, PLACE, own_page
from analytex.domain.environments import Permission, Scope
from analytex.errors import Unauthorized, Unavailable

REFUSED: Final = "This key does not open the console."
ENDED: Final = (
    "Your session has ended: its key was revoked, or it was signed out, or twelve hours are over."
)
NOT_NOTED: Final = (
    "This browser is signed out, but the server could not note it: revoke the key if somebody may "
    "have a copy of the cookie."
)
NOT_OPEN: Final = "You are not signed in to that environment."


def routes(console: Console) -> list[Route]:
    """Return the pages around a session."""
    pages = _SigningIn(console)
    return [
        Route(SIGN_IN, without_session(pages.form)),
        Route(SIGN_IN, without_session(pages.sign_in), methods=["POST"]),
        Route("/console/sign-out", without_session(pages.sign_out), methods=["POST"]),
        Route("/console/environment", of_any_environment(pages.choose), methods=["POST"]),
    ]


class _SigningIn:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def form(self, request: Request) -> Response:
        """Answer `GET /console/sign-in`; `next` is the page to go to afterwards."""
        return self._form(request, request.query_params.get("next"))

    async def sign_in(self, request: Request) -> Response:
        """Answer `POST /console/sign-in`. Raises RateLimited."""
        given = self._console.form(request)
        address = request.client.host if request.client else ""
        brake = await self._console.brake()
        brake.check(address)
        scope = self._scope(given.get("key", ""))
        if scope is None:
            await brake.failed(address)
            return self._form(request, given.get("next"), error=REFUSED, status=401)
        sessions = await self._console.sessions()
        before = request.state.session
        session = await sessions.begin(scope, before)
        response = self._console.redirect(request, own_page(given.get("next")))
        sessions.write(request, response, session)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Answer `POST /console/sign-out`; with `app`, only that environment is left."""
        sessions, session = await self._console.sessions(), request.state.session
        app = self._console.form(request).get("app")
        if session is not None and app:
            named = session.choosing(app)
            if named is None:
                return self._console.redirect(request, PLACE, NOT_OPEN, kind="bad")
            left = await sessions.without_key(session, named.scope.key_id)
            if left is not None:
                response = self._console.redirect(request, PLACE)
                sessions.write(request, response, left)
                return response
        response = self._console.redirect(request, SIGN_IN)
        if session is not None:
            try:
                await sessions.end(session)
            except Unavailable:
                response = self._console.redirect(request, SIGN_IN, NOT_NOTED, kind="bad")
        sessions.forget(request, response)
        return response

    async def choose(self, request: Request) -> Response:
        """Answer `POST /console/environment`: show the environment `app` from now on."""
        sessions, session = await self._console.sessions(), self._console.session(request)
        chosen = session.choosing(self._console.form(request).get("app", ""))
        if chosen is None:
            return self._console.redirect(request, PLACE, NOT_OPEN, kind="bad")
        response = self._console.redirect(request, PLACE)
        sessions.write(request, response, chosen)
        return response

    def _scope(self, key: str) -> Scope | None:
        """Return what a key opens; None says no more, whatever is wrong with it."""
        try:
            return self._console.deps.keyring.authorise(
                b"Token " + key.strip().encode("utf-8", "replace"), Permission.READ
            )
        except Unauthorized:
            return None

    def _form(
        self, request: Request, came_for: str | None, *, error: str = "", status: int = 200
    ) -> Response:
        has_ended = request.state.session is None and COOKIE in request.cookies
        values = {
            "next": own_page(came_for),
            "error": error,
            "ended": ENDED if has_ended and not error else "",
        }
        return self._console.render(request, "sign_in.html", values, status=status)
