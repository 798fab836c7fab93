"""Who is signed in: the cookie of a session, and its CSRF token.

The cookie `analytex_session` is JSON, signed with a secret that the store keeps, so every worker
reads it, also after a restart. It names keys by their ids and never holds one:

    {"id": "<random>", "at": 0, "keys": [["<key id>", <signed in, Unix seconds>], ...]}

`at` is the place of the key whose environment is shown. A key that was revoked, or with which one
signed in twelve hours ago, is left out when the cookie is read. The store remembers which sessions
were ended before, so that a copy of their cookie opens nothing, with any worker.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from analytex.auth.keys import Keyring
from analytex.auth.sign_ins import SignIns
from analytex.domain.environments import Scope

COOKIE: Final = "analytex_session"
PLACE: Final = "/console"
LASTS_S: Final = 12 * 3600
MOST_KEYS: Final = 20  # of a session: its cookie stays below 1 kB

_OWN_PAGE: Final = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")  # printable, without backslash


class SignedIn(NamedTuple):
    """A key of a session."""

    scope: Scope
    at: int  #: when one signed in with it, Unix seconds


class Session(NamedTuple):
    """Who asks, and on behalf of which environment."""

    id: str
    chosen: int  #: the place of the key whose environment is shown
    keys: tuple[SignedIn, ...]  #: at least one; one for each environment
    moved: bool = False  #: the key of the environment that was shown has ended; this is another's

    @property
    def scope(self) -> Scope:
        """What the shown environment's key may do."""
        return self.keys[self.chosen].scope

    def with_key(self, scope: Scope, now: int) -> "Session":
        """Return the session with that key, whose environment is shown from now on."""
        others = [each for each in self.keys if _differ(each.scope, scope)][-(MOST_KEYS - 1) :]
        return Session(self.id, len(others), (*others, SignedIn(scope, now)))

    def choosing(self, app_token: str) -> "Session | None":
        """Return the session with that environment shown; None if it has no key for it."""
        for place, each in enumerate(self.keys):
            if each.scope.app_token == app_token:
                return self._replace(chosen=place, moved=False)
        return None


class Sessions:
    """Reads and writes the cookie."""

    def __init__(
        self,
        secret: bytes,
        keyring: Keyring,
        sign_ins: SignIns,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secret` is one that the store keeps; `clock` returns Unix seconds."""
        # The same secret signs links to files: what is derived here cannot be used there.
        self._secret = hmac.digest(secret, b"analytex console sessions", "sha256")
        self._keyring = keyring
        self._sign_ins = sign_ins
        self._clock = clock
        self._signer = URLSafeSerializer(
            self._secret,
            salt=COOKIE,
            signer_kwargs={"key_derivation": "hmac", "digest_method": "sha256"},
        )

    async def begin(self, scope: Scope, session: Session | None = None) -> Session:
        """Return a new session, or the given one, with that key. Raises Unavailable."""
        now = int(self._clock())
        # A session that gets another key gets another name too: a token that somebody saw before
        # is worth nothing afterwards.
        started = Session(secrets.token_urlsafe(16), 0, session.keys if session else ())
        if session is not None:
            await self.end(session)
        return started.with_key(scope, now)

    async def without_key(self, session: Session, key_id: str) -> Session | None:
        """Return the session without that key, under another name; None if it was the last one.

        The environment that was shown is shown further, unless it was that key's.
        Raises Unavailable.
        """
        left = [each for each in session.keys if each.scope.key_id != key_id]
        if not left:
            return None
        await self.end(session)
        shown = session.keys[session.chosen]
        chosen = left.index(shown) if shown in left else 0
        return Session(secrets.token_urlsafe(16), chosen, tuple(left), session.moved)

    def read(self, request: Request) -> Session | None:
        """Return the session of a request, if it has one. Raises Unavailable."""
        text = request.cookies.get(COOKIE)
        if not text or len(text) > 4096:
            return None
        try:
            return self._session(self._signer.loads(text))
        except (BadData, LookupError, TypeError, ValueError):
            return None

    def _session(self, given: dict[str, Any]) -> Session | None:
        self._keyring.refresh()  # cheap; a key that was just revoked opens no page any more
        if self._sign_ins.has_ended(given["id"]):
            return None
        oldest = self._clock() - LASTS_S
        keys: list[SignedIn] = []
        chosen: int | None = None
        for place, (key_id, at) in enumerate(given["keys"]):
            scope = self._keyring.scope_of(key_id) if at > oldest else None
            if scope is None:
                continue
            if place == given["at"]:
                chosen = len(keys)
            keys.append(SignedIn(scope, at))
        if not keys:
            return None
        return Session(given["id"], chosen or 0, tuple(keys), moved=chosen is None)

    def write(self, request: Request, response: Response, session: Session) -> None:
        """Give the browser the cookie of a session."""
        given = {
            "id": session.id,
            "at": session.chosen,
            "keys": [[each.scope.key_id, each.at] for each in session.keys],
        }
        response.set_cookie(
            COOKIE,
            str(self._signer.dumps(given)),
            max_age=LASTS_S,
            path=PLACE,
            secure=over_tls(request),
            httponly=True,
            samesite="lax",  # not strict: a link from a chat shall open the page that it names
        )

    async def end(self, session: Session) -> None:
        """Take the session's cookie no more, as long as it would be good. Raises Unavailable."""
        now = self._clock()
        await self._sign_ins.end(session.id, now=now, until=now + LASTS_S)

    def forget(self, request: Request, response: Response) -> None:
        """Take the cookie away from the browser."""
        response.delete_cookie(
            COOKIE, path=PLACE, secure=over_tls(request), httponly=True, samesite="lax"
        )

    def token(self, session: Session) -> str:
        """Return the CSRF token of a session's forms while they show that environment.

        Without the environment, a form that was loaded in one would run in the one chosen since.
        """
        text = f"csrf {session.id} {session.scope.environment_id}"
        return hmac.digest(self._secret, text.encode(), "sha256").hex()

    def is_token(self, session: Session, given: str) -> bool:
        """Tell whether that is the CSRF token of the session and the shown environment."""
        return hmac.compare_digest(self.token(session).encode(), given.encode())

    def is_token_of_any(self, session: Session, given: str) -> bool:
        """Tell whether that is the CSRF token of any environment of the session."""
        return any(
            self.is_token(session._replace(chosen=place), given)
            for place in range(len(session.keys))
        )


def over_tls(request: Request) -> bool:
    """Tell whether the browser speaks TLS, with us or with a proxy in front of us.

    uvicorn believes `X-Forwarded-Proto` from this machine; behind a proxy elsewhere, the browser's
    own Origin, which comes with every form, tells it.
    """
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def is_cross_site(request: Request, public_url: str) -> bool:
    """Tell whether a browser says that a page of another site sent this.

    Browsers send `Sec-Fetch-Site` to what they trust (TLS, localhost), and `Origin` with any form.
    What sends neither is no browser.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    own = {request.headers.get("host", "").lower(), urlsplit(public_url).netloc.lower()}
    return urlsplit(origin).netloc.lower() not in own - {""}


def own_page(address: str | None) -> str:
    """Return the address if it is a page of the console, else that of its first page."""
    if not address or not _OWN_PAGE.fullmatch(address):
        return PLACE
    path = address.partition("?")[0]  # an escaped slash, in an id, cannot lead elsewhere
    return PLACE if ".." in map(unquote, path.split("/")) or "//" in path else address


def own_address(request: Request) -> str:
    """Return path and query of a request as a browser would send them again: escaped."""
    path = quote(request.scope["raw_path"], safe="/%!$&'()*+,;=:@~[]")
    query = quote(request.scope["query_string"], safe="/%!$&'()*+,;=:@~[]?")
    return f"{path}?{query}" if query else path


def _differ(one: Scope, other: Scope) -> bool:
    return one.environment_id != other.environment_id
