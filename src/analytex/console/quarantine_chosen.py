"""Several refused requests at once: removing those that are chosen, or sending them again."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytex.console.charts.numbers import number
from analytex.console.gate import needs
from analytex.console.pages import Console
from analytex.console.sessions import own_page
from analytex.domain.environments import Permission
from analytex.domain.quarantine import Refused
from analytex.errors import AnalytexError, BadRequest, NotFound, Retryable
from analytex.http.asgi import taken_in
from analytex.http.quarantine import replay_with

HERE: Final = "/console/quarantine"
MOST: Final = 100  #: more than a page shows

NONE_CHOSEN: Final = "Choose at least one request first."


def routes(console: Console) -> list[Route]:
    """Return what the forms of the list lead to."""
    chosen = _Chosen(console)
    ingest = Permission.INGEST
    return [
        Route(f"{HERE}/remove", needs(ingest, chosen.remove), methods=["POST"]),
        Route(f"{HERE}/send-again", needs(ingest, chosen.send_again), methods=["POST"]),
    ]


class _Chosen:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._handlers = taken_in(console.deps)

    async def remove(self, request: Request) -> Response:
        """Answer `POST /console/quarantine/remove`; those that are gone already do no harm."""
        ids = self._ids(request)
        removed = 0
        for id in ids:
            try:
                await self._console.deps.quarantine.remove(self._console.scope(request), id)
                removed += 1
            except NotFound:
                continue
        if not ids:
            return self._back(request, NONE_CHOSEN, is_good=False)
        said = f"{_requests(removed)} removed."
        if removed < len(ids):
            said += f" {number(len(ids) - removed)} had gone before."
        return self._back(request, said, is_good=True)

    async def send_again(self, request: Request) -> Response:
        """Answer `POST /console/quarantine/send-again`: as they came, the oldest first."""
        ids = self._ids(request)
        if not ids:
            return self._back(request, NONE_CHOSEN, is_good=False)
        outcome = _Outcome()
        for id in reversed(ids):
            try:
                await self._send(request, id, outcome)
            except Retryable as error:
                outcome.stopped = error.message
                break
        return self._back(request, outcome.said(), is_good=outcome.is_good)

    async def _send(self, request: Request, id: str, outcome: "_Outcome") -> None:
        """Send one again. Raises Retryable."""
        deps, scope = self._console.deps, self._console.scope(request)
        try:
            refused = await deps.quarantine.get(scope, id)
            if outcome.leaves_out(refused):
                return
            await replay_with(request, deps, self._handlers, refused, refused.body, scope)
        except Retryable:
            raise
        except AnalytexError:
            outcome.refused += 1
        else:
            outcome.accepted += 1

    def _ids(self, request: Request) -> Sequence[str]:
        """Return the chosen ones, the newest first. Raises BadRequest."""
        ids = list(dict.fromkeys(self._console.form(request).getlist("id")))
        if len(ids) > MOST:
            raise BadRequest(f"At most {MOST} requests can be chosen at once.")
        return ids

    def _back(self, request: Request, said: str, *, is_good: bool) -> Response:
        """Return to the part of the list from which the form came."""
        page = own_page(self._console.form(request).get("back"))
        to = page if page.partition("?")[0] == HERE else HERE
        return self._console.redirect(request, to, said, kind="good" if is_good else "bad")


class _Outcome:
    """What came of sending several again."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.before = 0  #: they were accepted in an earlier try
        self.deleting = 0
        self.in_part = 0  #: only their beginning was kept
        self.stopped = ""

    def leaves_out(self, refused: Refused) -> bool:
        """Tell whether one is not sent with others, and count it."""
        if refused.replayed_at is not None:
            self.before += 1
        elif refused.method == "DELETE":  # whom it deletes is to be read first
            self.deleting += 1
        elif not refused.whole:
            self.in_part += 1
        else:
            return False
        return True

    @property
    def is_good(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.refused or self.deleting or self.in_part or self.stopped)

    def said(self) -> str:
        """Return it in sentences."""
        parts = [f"{_requests(self.accepted)} accepted."]
        if self.refused:
            parts.append(f"{number(self.refused)} refused again: open one to mend it.")
        if self.before:
            parts.append(f"{number(self.before)} had been sent again before.")
        if self.deleting:
            parts.append(
                f"{number(self.deleting)} not sent: calls that delete are sent from their pages."
            )
        if self.in_part:
            parts.append(f"{number(self.in_part)} not sent: only the beginning was kept.")
        if self.stopped:
            parts.append(f"The rest was not tried: {self.stopped}")
        return " ".join(parts)


def _requests(count: int) -> str:
    return "1 request is" if count == 1 else f"{number(count)} requests are"
