"""The calls every benchmark sends: the same believable product, made from a fixed seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

USERS = 20_000
EVENT_NAMES = tuple(
    f"{thing}_{what}"
    for thing in ("report", "project", "invoice", "dashboard", "comment", "file", "member", "goal")
    for what in ("created", "opened", "exported", "shared", "deleted")
)
PLANS = ("free", "team", "business", "enterprise")
PLACES = ("sidebar", "toolbar", "search", "email", "shortcut")


def user_id(number: int) -> str:
    return f"user-{number:06d}@example.org"


def track_bodies(count: int, seed: int = 1) -> Iterator[bytes]:
    """Bodies of `POST /v1/track`, about 350 bytes each, users in random order."""
    choose = random.Random(seed)
    for _ in range(count):
        item = choose.randrange(1_000_000)
        yield _json(
            {
                "user_id": user_id(choose.randrange(USERS)),
                "event_name": choose.choice(EVENT_NAMES),
                "metadata": {
                    "plan": choose.choice(PLANS),
                    "page": f"/projects/{item}/reports/{choose.randrange(100)}",
                    "opened_from": choose.choice(PLACES),
                    "pages": choose.randrange(1, 60),
                    "duration_ms": choose.randrange(20, 90_000),
                    "beta": choose.random() < 0.2,
                    "session": f"{choose.getrandbits(128):032x}",
                    "referrer": f"https://app.example.org/projects/{item}",
                    "created_at": str(1_762_000_000 + choose.randrange(10_000_000)),
                },
            }
        )


def identify_bodies(count: int, seed: int = 2) -> Iterator[bytes]:
    """Bodies of `POST /v1/identify`, half of them naming the user's company."""
    choose = random.Random(seed)
    for _ in range(count):
        number = choose.randrange(USERS)
        body: dict[str, object] = {
            "user_id": user_id(number),
            "metadata": {
                "name": f"User Number {number}",
                "email": user_id(number),
                "plan": choose.choice(PLANS),
                "seats": choose.randrange(1, 500),
                "beta": choose.random() < 0.2,
                "created_at": "2025-11-03T09:15:00Z",
                "last_report": f"report-{choose.randrange(1_000_000)}",
            },
        }
        if choose.random() < 0.5:
            company = number // 50
            body["company"] = {
                "id": f"company-{company:04d}",
                "name": f"Company {company}",
                "plan": choose.choice(PLANS),
            }
        yield _json(body)


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
