"""Exports over HTTP (contract 8.1 to 8.3): asking for one, looking at it, downloading its files."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from analytex.domain.environments import Permission
from analytex.errors import NotFound, Unauthorized
from analytex.http.body import read_body
from analytex.http.deps import Deps
from analytex.http.paging import json_reply
from analytex.http.scope import authorise
from analytex.wire import export_links, export_replies

Handler = Callable[[Request], Awaitable[Response]]

MEDIA: Final = {
    "gz": "application/gzip",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "avro": "application/avro",
}


def create_export(deps: Deps) -> Handler:
    """Return the handler of `POST /api/v1/analytics/exports`: 201 once the job is on disk."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        body = await read_body(request, limit=deps.settings.body_limit)
        wanted = export_replies.export_request(body)
        # So that the files hold what was acknowledged before.
        request.state.lag = await deps.reads.caught_up()
        export = await deps.exports.create(scope, wanted)
        return json_reply(export_replies.created_reply(export), 201)

    return handle


def list_exports(deps: Deps) -> Handler:
    """Return the handler of the list: a bare array, newest first."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        found = await deps.exports.list_exports(scope)
        now = _now()
        return json_reply([export_replies.export_item(each, now=now) for each in found])

    return handle


def get_export(deps: Deps) -> Handler:
    """Return the handler of one export."""

    async def handle(request: Request) -> Response:
        scope = authorise(request, deps.keyring, Permission.READ)
        export = await deps.exports.get(scope, request.path_params["job_id"])
        secret = await deps.exports.secret()
        base = (deps.settings.public_url or str(request.base_url)).rstrip("/")

        def link(name: str, expires: int) -> str:
            return base + export_links.link(secret, export.job.id, name, expires=expires)

        return json_reply(export_replies.export_reply(export, now=_now(), link=link))

    return handle


def get_file(deps: Deps) -> Handler:
    """Return the handler of a download link: the file, or the part of it that `Range` names."""

    async def handle(request: Request) -> Response:
        id, name = request.path_params["job_id"], request.path_params["filename"]
        valid = export_links.is_valid(
            await deps.exports.secret(),
            id,
            name,
            expires=request.query_params.get("expires", ""),
            signature=request.query_params.get("signature", ""),
            now=time.time(),
        )
        if not valid:
            raise Unauthorized(
                "The link is not valid, or not any more.",
                details="Look at the export again: it shows new ones for 2 days after its end.",
            )
        path = deps.exports.path(id, name)  # as we signed it
        if not path.is_file():
            raise NotFound(
                "The file is not here any more.",
                details="A deletion removes the files of exports. Ask for the export again.",
            )
        media = MEDIA[path.suffix.lstrip(".")]
        return FileResponse(path, media_type=media, filename=name)

    return handle


def _now() -> int:
    return time.time_ns() // 1000
