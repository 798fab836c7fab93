"""Pages: templates, what all of them are given, filters, messages, redirects."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeTimedSerializer
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from analytex import __version__
from analytex.auth.administration import Administration
from analytex.auth.sign_ins import SignIns
from analytex.console.assets import Assets
from analytex.console.brake import Brake
from analytex.console.charts.elements import element, shown
from analytex.console.charts.numbers import NONE, compact, duration, number, rate
from analytex.console.gate import FIELD, Form, form_of, session_of
from analytex.console.navigation import menu
from analytex.console.reader import reader_zone
from analytex.console.sessions import PLACE, Session, Sessions, over_tls, own_address
from analytex.domain.environments import Permission, Scope
from analytex.http.deps import Deps

TEMPLATES: Final = Path(__file__).parent / "templates"
MESSAGE: Final = "analytex_message"  #: cookie: what the next page says, once
MESSAGE_S: Final = 60
MESSAGE_CHARS: Final = 500

_SIZES: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


class Console:
    """What pages are given: the server's objects, the session, the frame of a page."""

    def __init__(
        self,
        deps: Deps,
        administration: Administration,
        sign_ins: SignIns,
        origins: Mapping[str, str] | None = None,
    ) -> None:
        """`origins`: setting name → where its value is from; one that is missing is a default."""
        self.deps = deps
        self.administration = administration
        self.origins = origins or {}
        self.assets = Assets()
        self.routes: dict[str, Permission | None] = {}  #: path → what it needs
        self._sign_ins = sign_ins
        self._sessions: Sessions | None = None
        self._brake: Brake | None = None
        self._secret = b""
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._templates.filters.update(
            number=number,
            compact=compact,
            duration=duration,
            rate=rate,
            size=size,
            time=_time,
            shown=shown,
            code=code,
        )
        self._templates.globals.update(static=self.assets.address, version=__version__)

    def compile_templates(self) -> None:
        """Compile all templates, which takes a quarter of a second; pages do not wait for it."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    async def sessions(self) -> Sessions:
        """Return what reads sessions. Raises Unavailable."""
        if self._sessions is None:
            self._secret = await self.deps.exports.secret()
            self._sessions = Sessions(self._secret, self.deps.keyring, self._sign_ins)
        return self._sessions

    async def brake(self) -> Brake:
        """Return what counts failed attempts to sign in. Raises Unavailable."""
        if self._brake is None:
            await self.sessions()
            self._brake = Brake(self._secret, self._sign_ins)
        return self._brake

    def session(self, request: Request) -> Session:
        """Return who is signed in."""
        return session_of(request)

    def scope(self, request: Request) -> Scope:
        """Return the environment that is shown, and what its key may do."""
        return session_of(request).scope

    def form(self, request: Request) -> Form:
        """Return the fields that a form sent."""
        return form_of(request)

    def render(
        self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        """Return a page made of a template."""
        session: Session | None = getattr(request.state, "session", None)
        given = {**self._base(request, session), **values}
        is_page = not template.startswith("_")  # a part of a page says no message
        if is_page:
            given["messages"] = self._messages(request)
        text = self._templates.get_template(template).render(given)
        response = HTMLResponse(text, status)
        if is_page and MESSAGE in request.cookies:
            response.delete_cookie(MESSAGE, path=PLACE)
        return response

    def redirect(
        self, request: Request, address: str, message: str = "", *, kind: str = "good"
    ) -> Response:
        """Answer a form: go to that page, which says the message once; `kind` good or bad."""
        response = RedirectResponse(address, 303)
        if message:
            given = [message[:MESSAGE_CHARS], kind]
            response.set_cookie(
                MESSAGE,
                str(self._message_signer().dumps(given)),
                max_age=MESSAGE_S,
                path=PLACE,
                secure=over_tls(request),
                httponly=True,
                samesite="lax",
            )
        return response

    def moved(self, request: Request, session: Session) -> Response:
        """Show the environment that is left, and say so: the one that was shown has ended."""
        response = self.redirect(
            request,
            PLACE,
            "You are signed out of the environment that was shown: its key was revoked, or twelve "
            f"hours are over. Nothing was changed. This is {self.name_of(session.scope)}.",
            kind="bad",
        )
        request.state.sessions.write(request, response, session)
        return response

    def name_of(self, scope: Scope) -> str:
        """Return what the environment of a key is called."""
        return shown(self.deps.keyring.environment(scope.environment_id).name, at_most=40)

    def _messages(self, request: Request) -> list[tuple[str, str]]:
        text = request.cookies.get(MESSAGE)
        if not text or not self._secret:
            return []
        try:
            message, kind = self._message_signer().loads(text, max_age=MESSAGE_S)
        except (BadData, ValueError, TypeError):
            return []
        return [(str(message), "bad" if kind == "bad" else "good")]

    def _message_signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._secret, salt=MESSAGE)

    def _base(self, request: Request, session: Session | None) -> dict[str, Any]:
        """Return what every template may use."""
        path = request.url.path
        base: dict[str, Any] = {
            "path": path,
            "address": own_address(request),
            "base_url": self.base_url(request),
            "time_zone": reader_zone(request),
            "session": session,
            "scope": session and session.scope,
            "environment": None,
            "environments": [],
            "menu": [],
            "may": lambda permission: bool(session and session.scope.may(Permission(permission))),
            "csrf": "",
            "csrf_field": Markup(""),
            "upload_address": lambda to: to,
            "messages": [],
        }
        if session is None:
            return base
        keyring = self.deps.keyring
        token = request.state.sessions.token(session)
        return base | {
            "environment": keyring.environment(session.scope.environment_id),
            "environments": [
                keyring.environment(each.scope.environment_id) for each in session.keys
            ],
            "menu": menu(self.routes, session.scope, path),
            "csrf": token,
            "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token),
            "upload_address": lambda to: f"{to}?{urlencode({FIELD: token})}",
        }

    def base_url(self, request: Request) -> str:
        """Return the server's own address, without a slash at its end."""
        return (self.deps.settings.public_url or str(request.base_url)).rstrip("/")


def size(bytes: float) -> str:
    """Return how many bytes, in three digits: 950 B, 1.25 MB."""
    for unit, name in _SIZES:
        if bytes >= unit:
            return f"{_three_digits(bytes / unit)} {name}"
    return f"{bytes:g} B"


def code(sentence: str) -> Markup:
    """Return a sentence of ours with what stands in backticks as code."""
    parts = sentence.split("`")
    return Markup("").join(
        element("code", part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


@pass_context
def _time(context: Context, at: int | None, *, seconds: bool = False) -> Markup | str:
    """Return a `<time>` of microseconds since 1970-01-01 UTC; a dash if there is none.

    It shows the reader's zone once the script has told it, UTC before; its title the exact time.
    """
    if at is None:
        return NONE
    exact = datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
    zone = context.get("time_zone")
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return element(
        "time",
        exact.astimezone(zone).strftime(form),
        datetime=exact.isoformat().replace("+00:00", "Z"),
        title=exact.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
        data_time="seconds" if seconds else "minutes",
    )
