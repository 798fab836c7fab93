"""A browser without a screen: keeps cookies, and sends the CSRF token that its last page held."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import httpx

from tests.server import Client, Server

COOKIE: Final = "analytex_session"
_TOKEN: Final = re.compile(r'<meta name="csrf" content="([0-9a-f]+)">')


class Browser:
    """Somebody who looks at the console of a running server."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.token = ""
        self.http = httpx.Client(
            base_url=server.url, trust_env=False, timeout=30, headers={"accept": "text/html"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self, client: Client, *, next: str = "/console") -> httpx.Response:
        """Sign in with a client's key, or add it to the session, and learn the token."""
        fields = {"key": client.key, "next": next, "csrf": self.token}
        reply = self.http.post("/console/sign-in", data=fields)
        if reply.status_code == 303:
            self.get("/console/sign-in")
        return reply

    def get(self, path: str, **query: Any) -> httpx.Response:
        """Return a page; redirects are not followed."""
        return self._learn(self.http.get(path, params=query or None))

    def page(self, path: str, **query: Any) -> str:
        """Return the text of a page, which must be there."""
        reply = self.get(path, **query)
        assert reply.status_code == 200, (reply.status_code, reply.text)
        return reply.text

    def post(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        follow: bool = False,
    ) -> httpx.Response:
        """Send a form, with the token unless `fields` hold one; `follow` shows where it leads."""
        data = {"csrf": self.token, **(fields or {})}
        reply = self.http.post(path, data=data, headers=headers, follow_redirects=follow)
        return self._learn(reply)

    def _learn(self, reply: httpx.Response) -> httpx.Response:
        if found := _TOKEN.search(reply.text):
            self.token = found[1]
        return reply
