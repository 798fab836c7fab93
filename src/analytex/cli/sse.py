"""Server-Sent Events, read by the rules of the WHATWG HTML standard, section 9.2.6."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Message(NamedTuple):
    """Something that a stream tells."""

    kind: str  #: `message` unless the stream says otherwise
    data: str  #: empty: it only says how far the stream is
    id: str  #: the last one of the stream so far


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """Yield what a stream tells, given its lines without their ends.

    One that ends in the middle of a message is as if it had ended before it. A block with an `id`
    and no data is yielded as well, with empty data.
    """
    kind, data, id = "", list[str](), ""
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            yield Message(kind or "message", "\n".join(data), id)
            kind, data = "", []
        elif field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            id = value
