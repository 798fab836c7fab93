"""Refused requests for tests."""

import time
from typing import Any

from analytex.domain.quarantine import Refused

ENVIRONMENT = 7


def refused(number: int = 0, **changes: Any) -> Refused:
    """Return a request that was refused just now."""
    values: dict[str, Any] = {
        "id": f"{number:020x}",
        "environment_id": ENVIRONMENT,
        "key_id": "k",
        "at": time.time_ns() // 1000,
        "method": "POST",
        "path": "/v1/track",
        "query": "",
        "status": 400,
        "code": "bad_request",
        "message": "`event_name` is missing.",
        "details": "",
        "content_type": "",
        "body": b'{"user_id":"ada"}',
        "size": 17,
        "whole": True,
    }
    return Refused(**values | changes)
