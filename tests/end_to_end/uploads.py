"""Files and lists of rows as tests upload them, and how a refusal looks."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from tests.rows import Row, track
from tests.server import Client, Server

USERS: Final[list[Row]] = [{"user_id": "ada", "metadata": {"plan": "team"}}, {"user_id": 7}]
COMPANIES: Final[list[Row]] = [{"company_id": "acme", "metadata": {"seats": 3}}]
EVENTS: Final = [track(number) for number in range(3)]
BAD: Final = [  #: all but the third
    track(0, source="fax"),
    track(1, event_name=None),
    track(2),
    track(3, inserted_at="yesterday"),
    track(4, metadata=["x" * 500]),
]


@contextmanager
def resting_applier(server: Server) -> Iterator[None]:
    """Let no job get on, so that what is said while one waits can be looked at."""
    applier = server.applier()
    os.kill(applier, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(applier, signal.SIGCONT)


def refusal(reply: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal in the documented form."""
    [error] = reply.json()["errors"]
    assert error.keys() == {"error", "error_code", "message", "details"}
    assert error["error_code"] == str(reply.status_code)
    assert error["message"]
    return reply.status_code, error["error"]


def bulk_json(client: Client) -> httpx.Response:
    """Send a JSON body."""
    return client.post("/v1/users/bulk_identify", {"users": USERS})
