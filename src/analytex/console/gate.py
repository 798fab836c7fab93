"""What every page's request passes: session, origin, CSRF token, permission."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, cast
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from analytex.console.sessions import (
    PLACE,
    Session,
    Sessions,
    is_cross_site,
    own_address,
    own_page,
)
from analytex.domain.environments import Permission, Scope
from analytex.errors import AnalytexError, BadRequest
from analytex.http.body import read_body

Handler = Callable[[Request], Awaitable[Response]]
Form = ImmutableMultiDict[str, str]

SIGN_IN: Final = "/console/sign-in"
FORM_BYTES: Final = 1024 * 1024  # of a form without files
FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"

_HARMLESS: Final = frozenset(("GET", "HEAD"))
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


class Forbidden(AnalytexError):
    """The key that is signed in may not do this."""

    code: ClassVar[str] = "forbidden"


def needs(permission: Permission, handler: Handler) -> Handler:
    """Return a handler for keys with that permission; without `needs` a page is for `read`."""

    async def handle(request: Request) -> Response:
        return await handler(request)

    cast(Any, handle).needs = permission
    return handle


def without_session(handler: Handler) -> Handler:
    """Return a handler that answers also those who are not signed in."""

    async def handle(request: Request) -> Response:
        return await handler(request)

    cast(Any, handle).needs = None
    return of_any_environment(handle)


def of_any_environment(handler: Handler) -> Handler:
    """Return a handler of forms of the session itself, loaded in whichever of its environments."""

    async def handle(request: Request) -> Response:
        return await handler(request)

    cast(Any, handle).needs = needed(handler)
    cast(Any, handle).of_any_environment = True
    return handle


def needed(handler: Any) -> Permission | None:
    """Return the permission that a handler needs; None: it answers everybody."""
    found: Permission | None = getattr(handler, "needs", Permission.READ)
    return found


def guarded(
    handler: Handler,
    sessions: Callable[[], Awaitable[Sessions]],
    public_url: str,
    moved: Callable[[Request, Session], Response],
) -> Handler:
    """Return the handler behind the gate. Raises Forbidden, BadRequest, Unavailable.

    `moved` answers instead of a page if the key of the environment that was shown has ended: it
    shows another one, and says so. No page and no form is answered in another one before that.
    """
    permission = needed(handler)
    of_any: bool = getattr(handler, "of_any_environment", False)

    async def handle(request: Request) -> Response:
        known = await sessions()
        session = request.state.session = known.read(request)
        request.state.sessions = known
        harmless = request.method in _HARMLESS
        if not harmless and is_cross_site(request, public_url):
            raise Forbidden("This form was sent by another site.")
        if session is None:
            if permission is not None:
                return _to_sign_in(request, harmless)
        elif session.moved and not of_any:
            return _for_scripts(request) or moved(request, session)
        else:
            if permission is not None:
                check(session.scope, permission)
            request.state.key = session.scope
        if not harmless:
            await _read_form(request)
            if session is not None:
                given, own = _token(request), known.is_token_of_any
                if not (own if of_any else known.is_token)(session, given):
                    if session.moved:
                        return moved(request, session)
                    if request.url.path == SIGN_IN:  # its form was loaded before the session began
                        return RedirectResponse(sign_in_address(form_of(request).get("next")), 303)
                    raise _not_of_here(is_own=own(session, given))
        return await handler(request)

    return handle


def check(scope: Scope, permission: Permission) -> None:
    """Raise Forbidden if a key may not do something."""
    if not scope.may(permission):
        held = ", ".join(f"`{each}`" for each in sorted(scope.permissions))
        raise Forbidden(
            f"This needs a key with the permission `{permission}`.",
            details=f"Key {scope.key_id}, with which you are signed in, has {held}.",
        )


def session_of(request: Request) -> Session:
    """Return the session of a request that passed the gate."""
    session: Session | None = request.state.session
    assert session is not None  # the gate let nobody else in
    return session


def form_of(request: Request) -> Form:
    """Return the fields of a form that passed the gate; none of one with files."""
    found: Form = request.state.form
    return found


def sign_in_address(came_for: str | None) -> str:
    """Return the address of the sign-in form that leads on to that page of the console."""
    page = own_page(came_for)
    return SIGN_IN if page == PLACE else f"{SIGN_IN}?{urlencode({'next': page})}"


def _to_sign_in(request: Request, harmless: bool) -> Response:
    address = sign_in_address(own_address(request) if harmless else None)
    return _for_scripts(request) or RedirectResponse(address, 303)


def _for_scripts(request: Request) -> Response | None:
    """Return the reply for a script, which cannot sign in; None if a person asks."""
    accept = request.headers.get("accept", "*/*")
    if "text/html" in accept or "*/*" in accept:
        return None
    return Response("Not signed in.\n", 401, media_type="text/plain")


def _not_of_here(*, is_own: bool) -> Forbidden:
    if is_own:
        return Forbidden(
            "This form is of another environment than the one that is shown now.",
            details="Nothing was done. Choose its environment in the menu at the top, and send it "
            "from a page that was loaded after that.",
        )
    return Forbidden(
        "This form is not of this session.",
        details="Go back, load the page again, and send the form once more.",
    )


async def _read_form(request: Request) -> None:
    """Read a form without files; one with files is its handler's to read, as it comes."""
    request.state.form = Form()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        return
    body = await read_body(request, limit=FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000
        )
    except ValueError as error:
        raise BadRequest("The form cannot be read.", details=str(error)) from None
    request.state.form = Form(pairs)


def _token(request: Request) -> str:
    """Return the CSRF token that came: in a header, a field, or the address of an upload.

    An upload's fields are read as they come, too late for this. The token is worth nothing without
    the session's cookie.
    """
    found = request.headers.get(HEADER) or form_of(request).get(FIELD)
    if found is None and request.headers.get("content-type", "").startswith("multipart/form-data"):
        found = request.query_params.get(FIELD)
    return found or ""
