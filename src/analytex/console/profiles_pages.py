"""The pages of users, or of companies: the list, one of them, its activity, download, deletion."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from analytex.console.gate import needs
from analytex.console.links import LONGEST
from analytex.console.pages import Console
from analytex.console.profiles import USERS, Words, known_as, page_of, with_id
from analytex.console.profiles_activity import Activity, activity
from analytex.console.profiles_download import everything, file_name
from analytex.console.profiles_history import history
from analytex.console.profiles_lists import Lists, Section, members
from analytex.console.profiles_shown import (
    calls_that_set,
    company_of,
    property_rows,
    timeline,
)
from analytex.console.reader import reader_zone
from analytex.domain.environments import Permission
from analytex.domain.events import EventFilter
from analytex.domain.jobs import Family
from analytex.domain.profiles import Profile, User
from analytex.domain.values import MAX_ID_CHARS
from analytex.errors import AnalytexError, NotFound
from analytex.wire.job_replies import public_id

EVENTS: Final = 25  #: of a timeline's page
PATIENCE_S: Final = 0.06  #: a page waits so long for the picture; then a script asks for it

_JOB_PAGE: Final = "/console/jobs/{id}"


class Profiles:
    """The pages of one kind of profile."""

    def __init__(self, console: Console, words: Words) -> None:
        self._console = console
        self._words = words
        self._lists = Lists(console.deps.reads, words)

    def routes(self) -> list[Route]:
        """Return all pages; ids may hold any characters."""
        words = self._words
        delete = f"{words.others}/delete"
        return [
            Route(words.place, self.listed),
            Route(f"{words.others}/one", self.one),
            Route(f"{words.others}/activity", self.activity),
            Route(f"{words.others}/download", self.download),
            Route(delete, needs(Permission.INGEST, self.confirm)),
            Route(delete, needs(Permission.INGEST, self.delete), methods=["POST"]),
            Route(f"{words.place}/{{id:any}}", self.one),
        ]

    async def listed(self, request: Request) -> Response:
        """Answer `GET /console/users`: all, or those that are searched."""
        asked = request.query_params
        search = asked.get("q", "") if asked.get("q", "").strip() else ""
        company = asked.get("company", "") if self._words is USERS else ""
        cursor = asked.get("after_cursor") or None
        environment = self._console.scope(request).environment_id
        await self._console.deps.reads.caught_up()
        sections: Sequence[Section]
        if search or company:
            sections = await self._lists.search(
                environment, search, company, cursor, asked.get("by", "")
            )
        else:
            sections = [await self._lists.all(environment, cursor)]
        values = {
            "words": self._words,
            "sections": sections,
            "search": search,
            "company": company,
            "first": self._lists.address(q=search, company=company) if cursor else "",
            "mentions": "" if company or cursor else self._mentions(search, sections),
            "is_empty": not (search or company or cursor or any(each.rows for each in sections)),
        }
        return self._console.render(request, "profiles.html", values)

    async def one(self, request: Request) -> Response:
        """Answer `GET /console/users/{id}`."""
        deps, scope = self._console.deps, self._console.scope(request)
        environment, words = scope.environment_id, self._words
        id = self._id(request)
        asked = request.query_params
        zone = reader_zone(request)
        await deps.reads.caught_up()
        profile = await self._find(environment, id)
        if profile is None:
            raise NotFound(f"There is no such {words.one}.", details=f"{words.one}_id: {id!r}")
        wanted = EventFilter(user_id=id) if words is USERS else EventFilter(company_id=id)
        cursor = asked.get("after_cursor") or None
        began = time.monotonic()
        events, members_ = await asyncio.gather(
            deps.reads.events(environment, wanted, cursor=cursor, limit=EVENTS),
            self._members(environment, id),
        )
        newest = None if cursor else events
        known = await history(deps.reads, environment, words.kind, id, newest)
        patience_s = None if asked.get("wait") else _patience_s(id, time.monotonic() - began)
        picture = await self._activity(request, id, patience_s)
        days = timeline(events.items, scope, words, zone)
        properties = property_rows(profile, known, _place(asked.get("properties")))
        values = {
            "words": words,
            "id": id,
            "known_as": known_as(profile),
            "profile": profile,
            "company": company_of(profile, known) if isinstance(profile, User) else None,
            "properties": properties,
            "page_at": lambda place: page_of(words, id, properties=str(place)) + "#properties",
            "calls": calls_that_set(words, id, properties.rows, known),
            "days": days,
            "newest": page_of(words, id) + "#timeline" if cursor else "",
            "older": page_of(words, id, after_cursor=events.after) + "#timeline"
            if events.after
            else "",
            "filter": f"/console/events/newest?{urlencode({words.one + '_id': id})}",
            "identify": self._identify(request, id),
            "members": members_,
            "users": USERS,
            "activity": picture,
            "activity_address": with_id(words, "activity", id),
            "wait_address": page_of(words, id, wait="1"),
            "download": with_id(words, "download", id),
            "delete": with_id(words, "delete", id),
        }
        return self._console.render(request, "profile.html", values)

    async def activity(self, request: Request) -> Response:
        """Answer `GET /console/profiles/users/activity`: HTML that `profiles.js` puts in."""
        await self._console.deps.reads.caught_up()
        found = await self._activity(request, self._id(request), None)
        return self._console.render(
            request, "_profile_activity.html", {"activity": found, "words": self._words}
        )

    async def download(self, request: Request) -> Response:
        """Answer `GET /console/profiles/users/download`: a JSON file."""
        deps, scope = self._console.deps, self._console.scope(request)
        words, id = self._words, self._id(request)
        await deps.reads.caught_up()
        pieces = everything(deps, scope, words.kind, id)
        first = await anext(pieces, None)  # so that what cannot be read has an error page
        if first is None:
            raise NotFound(
                f"Nothing is held of such a {words.one}.", details=f"{words.one}_id: {id!r}"
            )
        headers = {"content-disposition": f'attachment; filename="{file_name(words.one, id)}"'}
        return StreamingResponse(
            _with_first(first, pieces), media_type="application/json", headers=headers
        )

    async def confirm(self, request: Request) -> Response:
        """Answer `GET /console/profiles/users/delete`: a page that asks."""
        deps, scope = self._console.deps, self._console.scope(request)
        words, id = self._words, self._id(request)
        await deps.reads.caught_up()
        profile = await self._find(scope.environment_id, id)
        if profile is None:
            raise NotFound(f"There is no such {words.one}.", details=f"{words.one}_id: {id!r}")
        at = deps.settings.delete_at
        values = {
            "words": words,
            "id": id,
            "known_as": known_as(profile),
            "profile": profile,
            "back": page_of(words, id),
            "download": with_id(words, "download", id),
            "action": f"{words.others}/delete",
            "delete_at": "" if at == "now" else at,
        }
        return self._console.render(request, "profile_delete.html", values)

    async def delete(self, request: Request) -> Response:
        """Answer the form: begin a job, as `DELETE /v1/users` does."""
        deps, scope = self._console.deps, self._console.scope(request)
        words, id = self._words, self._console.form(request).get("id", "")
        await deps.reads.caught_up()
        if await self._find(scope.environment_id, id) is None:
            raise NotFound(f"There is no such {words.one}.", details=f"{words.one}_id: {id!r}")
        deps.limiter(scope.environment_id, Family.DELETE)
        job = await deps.jobs.delete(scope, words.deletion, [id])
        receipt = public_id(job, scope.app_token)
        to = f"/console/jobs/{job.id}" if _JOB_PAGE in self._console.routes else words.place
        at = deps.settings.delete_at
        what = "is being deleted" if at == "now" else f"will be deleted at {at} UTC"
        return self._console.redirect(
            request, to, f"The {words.one} {what}. The receipt is the job {receipt}."
        )

    # What pages consist of

    def _id(self, request: Request) -> str:
        return str(request.path_params.get("id") or request.query_params.get("id", ""))

    def _mentions(self, search: str, sections: Sequence[Section]) -> str:
        """Return where to download what mentions an id; empty if that was found, or can be none."""
        found = any(row["id"] == search for section in sections for row in section.rows)
        if found or len(search) > MAX_ID_CHARS:
            return ""
        return with_id(self._words, "download", search)

    def _identify(self, request: Request, id: str) -> str:
        """Return a line that sets a property."""
        base = self._console.base_url(request)
        call = "/v1/identify" if self._words is USERS else "/v1/companies/identify"
        body = json.dumps({f"{self._words.one}_id": id, "metadata": {"plan": "team"}})
        quoted = body.replace("'", "'\\''")
        head = '  -H "Authorization: Token $KEY" \\\n'
        return f"curl {base}{call} \\\n{head}  -d '{quoted}'"

    async def _find(self, environment: int, id: str) -> Profile | None:
        reads = self._console.deps.reads
        if self._words is USERS:
            return await reads.user(environment, id)
        return await reads.company(environment, id)

    async def _members(self, environment: int, id: str) -> Section | None:
        if self._words is USERS:
            return None
        return await members(self._console.deps.reads, environment, id)

    async def _activity(
        self, request: Request, id: str, patience_s: float | None
    ) -> Activity | None:
        """Return the picture of activity; None if it is not there in time."""
        if patience_s == 0:
            return None
        deps, environment = self._console.deps, self._console.scope(request).environment_id
        try:
            found = activity(deps.insights, environment, self._words, id, reader_zone(request))
            return await asyncio.wait_for(found, patience_s)
        except TimeoutError:
            return None
        except AnalytexError as error:
            return Activity(Markup(""), Markup(""), 0, 0, 0, error.message)


async def _with_first(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in others:
        yield each


def _patience_s(id: str, spent_s: float) -> float:
    """Return how long a page waits for the picture, for whose rest that time was spent.

    With a very long id, which stands in many addresses, it has no room for the picture.
    """
    return PATIENCE_S if spent_s < PATIENCE_S and len(quote(id)) <= LONGEST else 0


def _place(text: str | None) -> int:
    return int(text[:6]) if text and text.isascii() and text.isdecimal() else 0
