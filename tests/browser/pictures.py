"""Takes the pictures of the console that stand in the documents: `./dev pictures`.

They show demo data, so they differ a little each time: the demo's weeks end now.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final, Literal, NamedTuple

from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.person import Person
from tests.browser.town import fill
from tests.server import KEY, Client, Server

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
WIDTH: Final = 1280  # CSS pixels
USERS, COMPANIES, WEEKS = 600, 40, 6  # of the demo


#: all questions about the last 30 days
FUNNEL: Final = "step=Signed+Up&step=Task+Created&step=Task+Completed&last=30d&window=7d"
TREND: Final = "event=Task+Created&by=event.priority&last=30d"


class Picture(NamedTuple):
    """One page, as a file shows it."""

    name: str  #: of the file, without its ending
    path: str
    height: int  #: in CSS pixels, so that it ends where a part of the page does
    scheme: Literal["light", "dark"] = "light"


def pictures(client: Client) -> list[Picture]:
    """Return all of them; the profile is that of a busy user."""
    users = Counter(event["user_id"] for event in client.events(event_name="Task Completed"))
    (user_id, _), *_ = users.most_common(1)
    return [
        Picture("overview", "/console", 1010),
        Picture("live", "/console/live", 690),
        Picture("profile", f"/console/users/{user_id}", 910, "dark"),
        Picture("trends", f"/console/trends?{TREND}", 990),
        Picture("funnel", f"/console/funnels?{FUNNEL}", 930),
    ]


def take(browser: Browser, server: Server) -> None:
    """Take them all and write them to `FOLDER`."""
    client = server.client()
    person = Person(browser.new_context(), server.url)
    person.signs_in(KEY)
    FOLDER.mkdir(exist_ok=True)
    for picture in pictures(client):
        person.page.set_viewport_size({"width": WIDTH, "height": picture.height})
        person.page.emulate_media(color_scheme=picture.scheme)
        page = person.goes_to(picture.path)
        expect(page.get_by_text("Counting")).to_have_count(0)  # numbers that come later
        page.screenshot(path=FOLDER / f"{picture.name}.png")
    for problem in person.leaves():
        print(problem, file=sys.stderr)


def main() -> int:
    """Start a server and Chromium, and return the exit status."""
    program = chromium.find()
    if program is None:
        print(f"none of {', '.join(chromium.NAMES)} is installed", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as server,
        chromium.started(program) as browser,
    ):
        fill(server, users=USERS, companies=COMPANIES, weeks=WEEKS)
        take(browser, server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
