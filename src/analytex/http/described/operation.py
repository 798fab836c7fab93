"""What an operation is, for `/openapi.json` and `/docs`: one entry for each method of each address.

To describe a new route, add an `Operation` to the file of its section (or a new file to
`described/__init__.py`). A test compares the entries with the routes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from analytex.domain.values import MAX_EVENT_NAME_CHARS, MAX_ID_CHARS
from analytex.http.paging import MAX_LIMIT

Schema = Mapping[str, Any]  #: a JSON Schema (2020-12), as OpenAPI 3.1 takes it
#: the permission that a key needs; `local admin`: none from the machine itself
Key = Literal["ingest", "read", "admin", "any", "none", "local admin"]

TEXT: Final[Schema] = {"type": "string"}
ID: Final[Schema] = {
    "anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS}, {"type": "number"}],
}
EVENT_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_NAME_CHARS}
METADATA: Final[Schema] = {"type": ["object", "null"]}


def said(schema: Schema, text: str) -> Schema:
    """Return a schema that says what it is for."""
    return {**schema, "description": text}


class Sharper(NamedTuple):
    """What the decoder of a body checks beyond its type."""

    required: Sequence[str] = ()
    properties: Mapping[str, Schema] = {}  # never changed


class Content(NamedTuple):
    """A body, of a request or of a reply."""

    shape: Any = None  #: a msgspec type; None: see `schema`
    schema: Schema = {}  # noqa: RUF012  # never changed
    media: str = "application/json"
    example: Any = None
    sharper: Sharper = Sharper()


class Query(NamedTuple):
    """A parameter in the address, behind the question mark; none is required."""

    name: str
    text: str
    schema: Schema = TEXT


class Operation(NamedTuple):
    """A method of an address."""

    call: str  #: `GET /v1/users/{user_id}`
    summary: str  #: what it does, a sentence
    gives: Mapping[int, Sequence[Content]]  #: what it answers, by status; refusals: `refuses`
    key: Key
    takes: Sequence[Content] = ()
    query: Sequence[Query] = ()
    refuses: Collection[int] = ()  #: statuses beyond those of every operation of its kind
    lag: bool = False  #: whether it may answer with `x-analytex-lag`
    text: str = ""  #: more to know; `code` and paragraphs are understood

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return self.call.partition(" ")[0]

    @property
    def path(self) -> str:
        """The address."""
        return self.call.partition(" ")[2]

    @property
    def id(self) -> str:
        """A name for programs that are generated: `get_v1_users_user_id`."""
        words = self.path.replace("{", "").replace("}", "").replace(".", "_").split("/")
        return "_".join([self.method.lower(), *filter(None, words)])


class Section(NamedTuple):
    """Operations that belong together, as the documents list them."""

    name: str
    text: str
    operations: Sequence[Operation]


LIMIT: Final = Query(
    "limit",
    "How many at most.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
)
AFTER: Final = Query("after_cursor", "Where the page begins: `after` of the page before.")
PAGES: Final = (LIMIT, AFTER)

TIME: Final = "2026-03-01T10:00:00.000000Z"
RECORD_ID: Final = "64bf4b4a9d2c01a2b3c4"
EMPTY: Final = Content(schema={"type": "object", "maxProperties": 0}, example={})


def page(items: Sequence[Any], total: int | None = None) -> dict[str, Any]:
    """Return an example of a page."""
    cursor = {"after": None, "before": None}
    return {"data": items, "metadata": {"cursor": cursor, "limit": 50, "total_count": total}}
