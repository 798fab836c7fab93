"""Sees what a person does not: errors in the browser's console, and where requests go."""

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

#: how a browser says that a page was left, a stream closed or an answer became a download
ABORTED = "net::ERR_ABORTED"


class Watch:
    """Notes all that may not happen while somebody looks at pages of one server."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Watch all pages of `context`; requests may go to `url` alone."""
        self._url = url
        self._expected: list[int] = []
        self.problems: list[str] = []
        context.on("console", self._message)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def expect(self, status: int) -> None:
        """Let one reply with that status pass."""
        self._expected.append(status)

    def _message(self, message: ConsoleMessage) -> None:
        # A reply of 400 and more is noted by its status, so that it can be expected.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.problems.append(f"{message.type} in the console: {message.text}")

    def _error(self, error: WebError) -> None:
        self.problems.append(f"an exception: {error.error.message}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._url}/", "data:", "blob:")):
            self.problems.append(f"a request to somewhere else: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.problems.append(f"no answer: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status < 400:
            return
        if response.status in self._expected:
            self._expected.remove(response.status)
        else:
            self.problems.append(f"{response.status}: {response.request.method} {response.url}")
