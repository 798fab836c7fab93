"""A server with something on each of its pages: a made-up product, files, refused calls."""

from typing import Final

from tests.rows import ndjson, track
from tests.server import Client, Server

#: of the demo: enough for every chart, and there in a second
USERS, COMPANIES, WEEKS = 120, 12, 3
#: two rows are wrong
ROWS: Final = ndjson(
    [track(1), track(2), track(3, inserted_at="soon"), track(4), track(5, source="fax")]
)


def fill(
    server: Server, *, users: int = USERS, companies: int = COMPANIES, weeks: int = WEEKS
) -> Client:
    """Put it all into the server's first environment, and return its client."""
    words = ("--users", users, "--companies", companies, "--weeks", weeks)
    done = server.command("demo", *map(str, words))
    assert done.returncode == 0, done.stderr
    client = server.client()
    client.identify_company("acme", {"name": "Acme"})
    client.bulk("users", [{"user_id": "ada", "metadata": {"name": "Ada Lovelace"}}])
    client.delete("users", ["nobody"])
    client.import_rows(ROWS, name="history.ndjson", fields={"dry_run": "true"})
    client.import_rows(ROWS, name="history.ndjson")
    client.ended(client.post("/api/v1/analytics/exports", {"format": "parquet"}).json())
    for body in ({"user_id": "ada"}, {"user_id": "ada", "event_name": "", "metadata": 7}):
        assert client.post("/v1/track", body).status_code == 400
    return client
