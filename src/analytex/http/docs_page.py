"""`/docs`: the OpenAPI document as a page that needs no script and makes no other request."""

import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any, Final

from analytex.http import openapi
from analytex.http.described import SECTIONS

Json = Mapping[str, Any]

_REF: Final = "#/components/schemas/"
_CODE: Final = re.compile(r"`([^`]+)`")


@cache
def page() -> bytes:
    """Return the page of this server."""
    return "".join(_page(openapi.document(SECTIONS), _style())).encode()


@cache
def policy() -> str:
    """Return its Content-Security-Policy: its own style sheet, and nothing else."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return resources.files(__package__).joinpath("static/docs.css").read_text("utf-8")


def _page(document: Json, style: str) -> Iterator[str]:
    info = document["info"]
    operations = list(_operations(document))
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: the HTTP API</title><style>{style}</style></head><body>"
    )
    yield from _side(document, operations)
    yield f"<main><h1>The HTTP API</h1><p>{_text(info['description'])}</p>"
    yield (
        "<p>The same for programs: <a href='/openapi.json'>openapi.json</a>. "
        "The examples need two variables:</p>"
        f"{_pre('URL=http://127.0.0.1:8080' + chr(10) + 'KEY=...')}"
    )
    for tag in document["tags"]:
        yield f'<section id="{_slug(tag["name"])}"><h2>{escape(tag["name"])}</h2>'
        yield f"<p class='soft'>{_text(tag['description'])}</p>"
        for method, path, each in operations:
            if each["tags"] == [tag["name"]]:
                yield from _operation(method, path, each, document)
        yield "</section>"
    yield from _errors(document)
    yield from _shapes(document)
    yield "</main></body></html>"


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _side(document: Json, operations: Iterable[tuple[str, str, Json]]) -> Iterator[str]:
    info = document["info"]
    yield (
        f"<header class='side'><strong>{escape(info['title'])}</strong>"
        f"<span class='soft'>{escape(info['version'])}</span>"
        "<input type='checkbox' id='menu'><label for='menu'>Contents</label><nav>"
    )
    for tag in document["tags"]:
        yield f"<h2><a href='#{_slug(tag['name'])}'>{escape(tag['name'])}</a></h2><ul>"
        for method, path, each in operations:
            if each["tags"] == [tag["name"]]:
                yield (
                    f"<li><a href='#{each['operationId']}'><b class='{method.lower()}'>{method}</b>"
                    f"<span>{escape(path).replace('/', '<wbr>/')}</span></a></li>"
                )
        yield "</ul>"
    yield (
        "<h2>More</h2><ul><li><a href='#errors'>Errors</a></li>"
        "<li><a href='#shapes'>Shapes</a></li></ul></nav></header>"
    )


def _operation(method: str, path: str, each: Json, document: Json) -> Iterator[str]:
    id = each["operationId"]
    yield (
        f"<article id='{id}'><h3><span class='method {method.lower()}'>{method}</span>"
        f"<a href='#{id}'><code>{escape(path)}</code></a>"
        f"<span class='key'>{escape(_key(each['security']))}</span></h3>"
        f"<p>{_text(each['summary'])} {_text(each.get('description', ''))}</p>"
    )
    if parameters := each.get("parameters"):
        yield "<h4>Parameters</h4>"
        yield _table(_parameter(parameter) for parameter in parameters)
    for media, content in each.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>Body, {escape(media)}</h4>"
        yield _fields(content["schema"], document)
    yield f"<h4>Example</h4>{_pre(_curl(method, path, each))}"
    yield "<h4>Answers</h4>"
    refusals = []
    for status, response in each["responses"].items():
        if "$ref" in response:
            refusals.append(f"<li><a href='#error-{status}'>{status}</a></li>")
        else:
            yield from _answer(status, response)
    yield f"<ul class='refusals'>{''.join(refusals)}</ul></article>"


def _answer(status: str, response: Json) -> Iterator[str]:
    shapes = []
    for media, content in response["content"].items():
        shape = type_text(content["schema"])
        shapes.append(shape if media == "application/json" else f"<code>{escape(media)}</code>")
    yield (
        f"<p><span class='status'>{status}</span> {escape(response['description'])}: "
        f"{' or '.join(shapes)}</p>"
    )
    for content in response["content"].values():
        if content.get("example"):
            yield _example(content["example"])


def _errors(document: Json) -> Iterator[str]:
    yield "<section id='errors'><h2>Errors</h2><p class='soft'>Every refusal has one shape.</p>"
    for status, response in document["components"]["responses"].items():
        content = response["content"]["application/json"]
        yield (
            f"<article id='error-{status}'><h3>{status}</h3><p>{_text(response['description'])}</p>"
            f"{_example(content['example'])}</article>"
        )
    yield "</section>"


def _shapes(document: Json) -> Iterator[str]:
    yield "<section id='shapes'><h2>Shapes</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield f"<article id='shape-{name}'><h3>{escape(schema.get('title', name))}</h3>"
        yield f"<p class='soft'>{_text(schema.get('description', ''))}</p>"
        yield _fields(schema, document) if "properties" in schema else f"<p>{type_text(schema)}</p>"
        yield "</article>"
    yield "</section>"


def _fields(schema: Json, document: Json) -> str:
    """Return a table of an object's fields; those of a list's items as well."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].removeprefix(_REF)]
    required = schema.get("required", ())
    rows = []
    for name, field in schema.get("properties", {}).items():
        rows.append((name, name in required, type_text(field), field.get("description", "")))
        items = field.get("items", {})
        for inner, each in items.get("properties", {}).items():
            must = inner in items.get("required", ())
            rows.append((f"{name}[].{inner}", must, type_text(each), each.get("description", "")))
    return _table(rows)


def _parameter(parameter: Json) -> tuple[str, bool, str, str]:
    text = parameter.get("description", "")
    return (
        parameter["name"],
        parameter.get("required", False),
        type_text(parameter["schema"]),
        text,
    )


def _table(rows: Iterable[tuple[str, bool, str, str]]) -> str:
    lines = [
        f"<tr><td><code>{escape(name)}</code>{'<span class=must>required</span>' if must else ''}"
        f"</td><td>{kind}</td><td>{_text(text)}</td></tr>"
        for name, must, kind, text in rows
    ]
    return (
        "<div class='table'><table><thead><tr><th>Name</th><th>Type</th><th></th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def type_text(schema: Json) -> str:
    """Return a schema in a few words, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f"<a href='#shape-{name}'>{escape(_title(name))}</a>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if 0 in (schema.get("maxProperties"), schema.get("maxItems")):
        return f"<code>{'{}' if schema['type'] == 'object' else '[]'}</code>"
    if "anyOf" in schema:
        words = [type_text(each) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(words))
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    bounds = []
    if "minimum" in schema:
        bounds.append(f"from {schema['minimum']}")
    if "maximum" in schema:
        bounds.append(f"to {schema['maximum']}")
    default = f", default {schema['default']}" if "default" in schema else ""
    return escape(" ".join([str(kind), *bounds]) + default)


def _title(name: str) -> str:
    """Return `ListReply[UserReply]` for `ListReply_UserReply_`."""
    return re.sub(r"_(\w+)_$", r"[\1]", name)


def _key(security: Iterable[Json]) -> str:
    schemes = list(security)
    if not schemes:
        return "no key"
    roles: list[str] = schemes[0]["token"]
    text = f"key: {roles[0]}" if roles else "any key"
    return f"{text}, or none on the machine itself" if {} in schemes else text


def _curl(method: str, path: str, each: Json) -> str:
    verb = "" if method in ("GET", "POST") else f"-X {method} "
    words = [f'curl {verb}"$URL{path}"']
    if each["security"] and {} not in each["security"]:
        words.append('-H "Authorization: Token $KEY"')
    body = each.get("requestBody", {}).get("content", {})
    if "application/json" in body:
        words.append(f"-d {shlex.quote(_pretty(body['application/json']['example']))}")
    elif body:
        words.append("-F file=@rows.csv")
    elif method == "POST":
        words.append("-X POST")
    return " \\\n  ".join(words)


def _example(example: Any) -> str:
    return f"<details><summary>Example</summary>{_pre(_pretty(example))}</details>"


def _pretty(example: Any) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)


def _pre(text: str) -> str:
    return f"<pre tabindex='0'><code>{escape(text)}</code></pre>"


def _text(text: str) -> str:
    """Return a sentence as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())
