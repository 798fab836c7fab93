"""Cursors: the place behind the last item of a page, as text that only this server reads."""

import base64
import binascii
from typing import TypeVar

import msgspec

from analytex.errors import BadRequest

Place = TypeVar("Place")


def encode(place: object) -> str:
    """Return the cursor of a place: an id, or a tuple of numbers."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def decode(cursor: str, kind: type[Place]) -> Place:
    """Return the place that a cursor names. Raises BadRequest."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError):
        raise BadRequest(
            "`after_cursor` is not valid.",
            details="Use `metadata.cursor.after` of the page before, unchanged.",
        ) from None
