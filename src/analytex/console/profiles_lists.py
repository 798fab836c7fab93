"""Lists of users or companies: all, those that are searched, a company's members."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from analytex.console.profiles import USERS, Words, cut
from analytex.console.profiles_shown import MEMBERS_BYTES, list_rows
from analytex.domain.profiles import ProfileFilter
from analytex.query import cursors
from analytex.query.reads import COUNT_AT_MOST, LOOK_AT, Page, Reads

PER_PAGE: Final = 50
MEMBERS: Final = 10  #: that a company's page shows


class Section(NamedTuple):
    """A part of a list."""

    title: str
    rows: Sequence[dict[str, Any]]
    next: str  #: address of the next page; empty if there is none
    next_text: str
    note: str


class Lists:
    """Lists of one kind of profile. All raise Unavailable, and BadRequest for a wrong cursor."""

    def __init__(self, reads: Reads, words: Words) -> None:
        self._reads = reads
        self._words = words

    async def all(self, environment: int, cursor: str | None) -> Section:
        """Return a page of all, by id."""
        reads = self._reads
        page: Page[Any] = await (reads.users if self._words is USERS else reads.companies)(
            environment, cursor=cursor, limit=PER_PAGE
        )
        rows, after = self._rows(page)
        many = self._words.one if page.total == 1 else self._words.many
        count = f"more than {COUNT_AT_MOST:,}" if page.total is None else f"{page.total:,}"
        title = f"{count} {many}, by id"
        return Section(
            title[:1].upper() + title[1:],
            rows,
            self.address(after_cursor=after) if after else "",
            "Next page",
            "",
        )

    async def search(
        self, environment: int, search: str, company: str, cursor: str | None, by: str
    ) -> Sequence[Section]:
        """Return those whose ids begin so, then those with such a value; `by`: only one of them."""
        of_company = company or None
        found: dict[str, Section] = {}
        if by != "value":
            wanted = ProfileFilter(begin=search, company_id=of_company)
            page = await self._matching(environment, wanted, cursor)
            title = f"Ids that begin with “{cut(search, 60)}”" if search else "Members, by id"
            found["id"] = self._section(title, page, search, company, "id")
        if search and by != "id":
            wanted = ProfileFilter(text=search, company_id=of_company)
            page = await self._matching(environment, wanted, cursor)
            title = f"Values that contain “{cut(search, 60)}”"
            found["value"] = self._section(title, page, search, company, "value")
        return list(found.values())

    def _section(self, title: str, page: Page[Any], search: str, company: str, by: str) -> Section:
        rows, after = self._rows(page)
        looked = bool(after) and len(page.items) < PER_PAGE
        note = ""
        if looked:
            last = cut(cursors.decode(after, str), 60)
            note = f"The {self._words.many} up to “{last}” are looked through; there are more."
        elif not rows:
            note = "None."
        to = self.address(q=search, company=company, by=by, after_cursor=after) if after else ""
        return Section(title, rows, to, "Look further" if looked else "Next page", note)

    async def _matching(
        self, environment: int, wanted: ProfileFilter, cursor: str | None
    ) -> Page[Any]:
        reads = self._reads
        find = reads.find_users if self._words is USERS else reads.find_companies
        found: Page[Any] = await find(environment, wanted, cursor=cursor, limit=PER_PAGE)
        return found

    def _rows(self, page: Page[Any]) -> tuple[Sequence[dict[str, Any]], str]:
        """Return as many rows as a page has room for, and where the next page begins."""
        rows = list_rows(self._words, page.items)
        if len(rows) < len(page.items):
            return rows, cursors.encode(page.items[len(rows) - 1].id)
        return rows, page.after or ""

    def address(self, **parameters: str) -> str:
        """Return where a list is; parameters that are empty are left out."""
        given = {name: value for name, value in parameters.items() if value}
        return self._words.place + (f"?{urlencode(given)}" if given else "")


async def members(reads: Reads, environment: int, id: str) -> Section:
    """Return some members of a company, out of as many users as one look takes in."""
    page = await reads.find_users(
        environment, ProfileFilter(company_id=id), cursor=None, limit=MEMBERS
    )
    rows = list_rows(USERS, page.items, MEMBERS_BYTES)
    more = page.after or len(rows) < len(page.items)
    all = f"{USERS.place}?{urlencode({'company': id})}" if more else ""
    note = "" if rows else "No user belongs to it."
    if page.after and len(page.items) < MEMBERS:
        note = f"The first {LOOK_AT:,} users are looked through; there are more."
    return Section("Members", rows, all, "All members", note)
