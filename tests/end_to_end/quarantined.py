"""Requests that are refused, and a look at what is kept of them."""

from contextlib import suppress
from typing import Any, Final

from tests.server import Client, Server

FORM: Final = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="rows.ndjson"\r\n\r\n%b\r\n'
    b"--b--\r\n"
)


def listed(client: Client, query: str = "") -> list[dict[str, Any]]:
    """Return the refused requests, newest first."""
    reply = client.get(f"/v1/quarantine{query}")
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


def refused(client: Client, body: object, path: str = "/v1/track") -> str:
    """Send what is refused, and return the id of the refusal."""
    reply = client.post(path, body)
    assert 400 <= reply.status_code < 500, reply.text
    return reply.headers["x-request-id"]


def holds(server: Server, text: bytes) -> bool:
    """Tell whether any file of the data directory holds it."""
    for path in server.data.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            if text in path.read_bytes():
                return True
    return False
