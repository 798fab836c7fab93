"""`/openapi.json`: what the server answers, made from the types that decode and encode it.

The operations come from `described/`, the bodies from the msgspec types that they name, and what
each field means from the `#:` comment beside it.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec

from analytex import __version__
from analytex.errors import AnalytexError
from analytex.http.described import SECTIONS
from analytex.http.described.operation import Content, Operation, Section, Sharper
from analytex.http.errors import INTERNAL, STATUS, error_reply
from analytex.http.headers import LAG, REQUEST_ID
from analytex.wire import replies

VERSION: Final = "3.1.0"

ALWAYS: Final = frozenset((400, 408, 431, 500))  #: any request may be refused so
WITH_KEY: Final = frozenset((401, 503))
WITH_BODY: Final = frozenset((413, 415))
RETRYABLE: Final = frozenset((429, 503))

_REF: Final = "#/components/schemas/"
_COMMENT: Final = re.compile(r"^ {4}(\w+): .*?#: (.+)$", re.MULTILINE)
_DESCRIPTION: Final = (
    "A self-hosted realtime customer-data server, wire-compatible with the Userpilot Realtime API."
)

Json = dict[str, Any]


@cache
def encoded() -> bytes:
    """Return the document of this server."""
    return msgspec.json.encode(document(SECTIONS))


def document(sections: Iterable[Section]) -> Json:
    """Return the OpenAPI document for these operations."""
    sections = list(sections)
    operations = [each for section in sections for each in section.operations]
    bodies = _Bodies(operations)
    paths: dict[str, Json] = {}
    for section in sections:
        for each in section.operations:
            paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, section, bodies)
    return {
        "openapi": VERSION,
        "info": {"title": "analytex", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": each.name, "description": each.text} for each in sections],
        "paths": paths,
        "components": {
            "schemas": bodies.schemas,
            "responses": {str(status): _refusal(status) for status in sorted(_statuses())},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def refusals(operation: Operation) -> set[int]:
    """Return every status but those that `gives` names."""
    found = {*ALWAYS, *operation.refuses}
    if operation.key != "none":
        found |= WITH_KEY
    if operation.takes:
        found |= WITH_BODY
    return found - set(operation.gives)


class _Bodies:
    """The schemas of all bodies: `schemas` are the components, `of` refers to them."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        taken = [body for each in operations for body in each.takes]
        given = [body for each in operations for bodies in each.gives.values() for body in bodies]
        given.append(Content(replies.ErrorReply))
        shaped = [body for body in (*taken, *given) if body.shape is not None]
        found, self.schemas = msgspec.json.schema_components(
            [body.shape for body in shaped], ref_template=_REF + "{name}"
        )
        self._of = {_key(body): schema for body, schema in zip(shaped, found, strict=True)}
        answered = {each for body in given if body.shape for each in _structs(body.shape)}
        for struct in {each for body in taken if body.shape for each in _structs(body.shape)}:
            self._complete(struct, whole=False)
        for struct in answered:
            self._complete(struct, whole=not struct.__struct_config__.omit_defaults)
        for body in taken:
            if body.shape is not None:
                self._sharpen(self._of[_key(body)]["$ref"].removeprefix(_REF), body.sharper)

    def of(self, body: Content) -> Json:
        """Return the schema of a body."""
        return dict(body.schema) if body.shape is None else self._of[_key(body)]

    def _complete(self, struct: type[msgspec.Struct], *, whole: bool) -> None:
        """Say of a type's fields what they mean; `whole`: no field is ever left out."""
        meanings = comments(struct)
        for schema in self.schemas.values():
            if schema.get("title", "").partition("[")[0] != struct.__name__:
                continue
            for name, field in schema.get("properties", {}).items():
                if name in meanings:
                    field.setdefault("description", meanings[name])
            if whole:
                schema["required"] = [
                    field.encode_name
                    for field in msgspec.structs.fields(struct)
                    if field.default is not msgspec.UNSET
                ]
                for field in schema["properties"].values():
                    field.pop("default", None)

    def _sharpen(self, name: str, sharper: Sharper) -> None:
        schema = self.schemas[name]
        for field, sharp in sharper.properties.items():
            meaning = schema["properties"][field].get("description")
            schema["properties"][field] = {**({"description": meaning} if meaning else {}), **sharp}
        if sharper.required:
            schema["required"] = list(sharper.required)


def comments(struct: type) -> dict[str, str]:
    """Return what stands behind `#:` beside the fields of a type; nothing without its source."""
    try:
        return dict(_COMMENT.findall(inspect.getsource(struct)))
    except (OSError, TypeError):
        return {}


def _structs(shape: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type is made of, itself included."""
    waiting, known = [msgspec.inspect.type_info(shape)], set()
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            struct = getattr(info.cls, "__origin__", info.cls)
            if info.cls in known:
                continue
            known.add(info.cls)
            yield struct
            waiting += [field.type for field in info.fields]
        elif isinstance(info, msgspec.inspect.UnionType):
            waiting += info.types
        elif isinstance(info, msgspec.inspect.DictType):
            waiting.append(info.value_type)
        elif isinstance(info, msgspec.inspect.CollectionType):
            waiting.append(info.item_type)


def _operation(operation: Operation, section: Section, bodies: _Bodies) -> Json:
    found: Json = {
        "operationId": operation.id,
        "tags": [section.name],
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {
            **{
                str(status): _success(operation, status, contents, bodies)
                for status, contents in operation.gives.items()
            },
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in sorted(refusals(operation))
            },
        },
    }
    if operation.text:
        found["description"] = operation.text
    if parameters := [*_path_parameters(operation), *_query_parameters(operation)]:
        found["parameters"] = parameters
    if operation.takes:
        found["requestBody"] = {"required": True, "content": _contents(operation.takes, bodies)}
    return found


def _path_parameters(operation: Operation) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(operation: Operation) -> Iterator[Json]:
    for name, text, schema in operation.query:
        yield {"name": name, "in": "query", "description": text, "schema": dict(schema)}


def _contents(contents: Iterable[Content], bodies: _Bodies) -> Json:
    found: Json = {}
    for body in contents:
        found[body.media] = {"schema": bodies.of(body)}
        if body.example is not None:
            found[body.media]["example"] = body.example
    return found


def _success(
    operation: Operation, status: int, contents: Iterable[Content], bodies: _Bodies
) -> Json:
    headers = [REQUEST_ID, *([LAG] if operation.lag else [])]
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(headers),
        "content": _contents(contents, bodies),
    }


def _refusal(status: int) -> Json:
    """Return a refusal, with every error that has this status."""
    kinds = [kind for kind, each in _kinds() if each == status]
    text = "; ".join(
        f"`{kind.code}`: {(kind.__doc__ or '').partition(chr(10))[0]}" for kind in kinds
    )
    headers = [REQUEST_ID, *(["retry-after"] if status in RETRYABLE else [])]
    example = msgspec.json.decode(error_reply(kinds[0]()).body)
    schema = {"$ref": f"{_REF}ErrorReply"}
    return {
        "description": text,
        "headers": _headers(headers),
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _kinds() -> list[tuple[type[AnalytexError], int]]:
    return [*STATUS.items(), (AnalytexError, INTERNAL)]


def _statuses() -> set[int]:
    return {status for _, status in _kinds()} - {405}  # of a method that is not described here


def _security(operation: Operation) -> list[Mapping[str, list[str]]]:
    if operation.key == "none":
        return []
    roles = [] if operation.key == "any" else [operation.key.removeprefix("local ")]
    found: list[Mapping[str, list[str]]] = [{"token": roles}, {"bearer": roles}]
    return [*found, {}] if operation.key.startswith("local") else found


def _headers(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _key(body: Content) -> str:
    return repr(body.shape)


_HEADERS: Final[Json] = {
    REQUEST_ID: {
        "description": "Of an accepted call it is the record's id.",
        "schema": {"type": "string", "minLength": 20, "maxLength": 20},
    },
    LAG: {
        "description": "How many calls the reply may not have seen; absent: none.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "retry-after": {
        "description": "How many seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
_SECURITY: Final[Json] = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token <API key>`. Roles are the permissions `ingest`, `read` and `admin`.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Bearer <API key>`."},
}
