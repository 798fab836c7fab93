"""JSON values as they were sent, and the moment at which one was set."""

from typing import Final, NamedTuple

import msgspec

Json = msgspec.Raw  #: one JSON value, byte for byte as it was sent

NULL: Final = b"null"  #: the JSON value that removes a property

MAX_ID_CHARS: Final = 512  #: user_id, company_id: at most 2,048 bytes, which every engine can index
MAX_EVENT_NAME_CHARS: Final = 512
MAX_NESTING: Final = 64  #: objects and arrays inside each other, counted from the body itself


class Stamp(NamedTuple):
    """When a value was set, and by which call. The newer stamp wins, so order does not matter."""

    at: int  #: microseconds since 1970-01-01 UTC
    by: str  #: id of the record that set it; decides between equal times


def pointer_to(name: str) -> str:
    """Return the JSON pointer to a property of an object (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
