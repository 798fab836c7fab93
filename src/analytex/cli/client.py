"""Talking to a running server over HTTP. What it refuses becomes the same error here."""

import http
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from analytex.cli.sse import Message, messages
from analytex.cli.tables import harmless
from analytex.cli.uploads import Upload
from analytex.errors import (
    AnalytexError,
    BadRequest,
    BodyTooLarge,
    JobRunning,
    NotFound,
    RateLimited,
    Retryable,
    TooManyRows,
    Unauthorized,
    Unavailable,
)
from analytex.http.errors import STATUS
from analytex.wire.export_replies import CreatedReply, ExportReply
from analytex.wire.job_replies import DeletionReply, JobReply, RowErrorReply
from analytex.wire.quarantine_replies import QuarantineReply, RefusedReply
from analytex.wire.replies import (
    CompanyReply,
    ErrorReply,
    EventReply,
    ListReply,
    UserReply,
)

CONNECT_S: Final = 10.0
ANSWER_S: Final = 60.0
UPLOAD_ANSWER_S: Final = 600.0  # the server puts the whole file on disk before it answers
ERRORS_AT_A_TIME: Final = 1000
JOBS_AT_MOST: Final = 1000
ITEMS_AT_A_TIME: Final = 1000
SILENCE_S: Final = 45.0  # a stream says something every quarter of a minute
_MAX_TEXT: Final = 2000  # characters of a message

IMPORTS: Final = "/v1/imports"
_JOBS: Final = "/v1/background_jobs"
_QUARANTINE: Final = "/v1/quarantine"
_EXPORTS: Final = "/api/v1/analytics/exports"
_STREAM: Final = "/v1/events/stream"
_SHOWN_KIND: Final = 60  # characters of a content type
_BY_CODE: Final = {kind.code: kind for kind in STATUS}
_NOT_OURS: Final = "Is it the address of an analytex server, and is there no proxy in between?"

Value = TypeVar("Value")


class Client:
    """One server, and one environment of it: that of the key.

    Every method raises an AnalytexError whose message says what to do; a Retryable if the server
    cannot be reached or asks to come again later.
    """

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """`url` has no slash at its end; `transport` stands for the network, in tests."""
        self.url = url
        loopback = httpx.URL(url).host in ("localhost", "127.0.0.1", "::1")
        self._http = httpx.Client(
            base_url=url,
            headers={"authorization": f"Token {key}"},
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            transport=transport,
            trust_env=not loopback,  # a proxy of the environment does not lead to this machine
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def check(self) -> None:
        """Return if the server answers and takes the key."""
        self._request("GET", "/v1/validate")

    # Jobs

    def upload(self, path: str, upload: Upload, *, dry_run: bool = False) -> JobReply:
        """Send a file of rows as the part `file` of a form, piece by piece; return its job."""
        content, headers = upload.form()
        reply = self._request(
            "POST",
            path,
            params={"dry_run": "true"} if dry_run else None,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(UPLOAD_ANSWER_S, connect=CONNECT_S),
        )
        return self._decode(reply, JobReply)

    def jobs(self) -> list[JobReply]:
        """Return the environment's jobs, newest first."""
        reply = self._request("GET", _JOBS, params={"limit": str(JOBS_AT_MOST)})
        return self._decode(reply, list[JobReply])

    def job(self, id: str) -> JobReply:
        """Return one job."""
        return self._decode(self._request("GET", _job_path(id)), JobReply)

    def cancel(self, id: str) -> JobReply:
        """Ask for the end of a job."""
        return self._decode(self._request("POST", _job_path(id, "/cancel")), JobReply)

    def retry(self, id: str) -> JobReply:
        """Begin a job with another one's failed rows."""
        return self._decode(self._request("POST", _job_path(id, "/retry")), JobReply)

    def errors(self, id: str) -> Iterator[list[RowErrorReply]]:
        """Yield the errors of a job, a page at a time."""
        params = {"limit": str(ERRORS_AT_A_TIME)}
        while True:
            reply = self._request("GET", _job_path(id, "/errors"), params=params)
            page = self._decode(reply, ListReply[RowErrorReply])
            yield list(page.data)
            after = page.metadata.cursor.after
            if after is None:
                return
            params["after_cursor"] = after

    def errors_as(self, id: str, form: str) -> Iterator[bytes]:
        """Yield a job's errors as `csv`, or its failed `rows` as they came, piece by piece."""
        with self._answer("GET", _job_path(id, "/errors"), params={"format": form}) as reply:
            yield from reply.iter_bytes()

    # Reads

    def users(self, *, limit: int) -> Iterator[UserReply]:
        """Yield users in the order of their ids, as many as `limit`."""
        return self._items("/v1/users", UserReply, {}, limit)

    def user(self, id: str) -> UserReply:
        """Return one user."""
        return self._decode(self._request("GET", _item_path("/v1/users", id)), UserReply)

    def companies(self, *, limit: int) -> Iterator[CompanyReply]:
        """Yield companies in the order of their ids, as many as `limit`."""
        return self._items("/v1/companies", CompanyReply, {}, limit)

    def company(self, id: str) -> CompanyReply:
        """Return one company."""
        return self._decode(self._request("GET", _item_path("/v1/companies", id)), CompanyReply)

    def events(self, wanted: Mapping[str, str], *, limit: int) -> Iterator[EventReply]:
        """Yield events, newest first, as many as `limit`; `wanted` as in `GET /v1/events`."""
        return self._items("/v1/events", EventReply, wanted, limit)

    def stream(self, wanted: Mapping[str, str], *, after: str) -> Iterator[Message]:
        """Yield what comes from now on, or behind the id `after`, until the stream ends.

        Raises Retryable if it breaks.
        """
        headers = {"last-event-id": after} if after else {}
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
        with self._answer("GET", _STREAM, params=wanted, headers=headers, timeout=timeout) as reply:
            kind = reply.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise self._not_analytex(f"It answers {harmless(kind, at_most=_SHOWN_KIND)!r}.")
            yield from messages(reply.iter_lines())

    def _items(
        self, path: str, kind: type[Value], wanted: Mapping[str, str], limit: int
    ) -> Iterator[Value]:
        params = dict(wanted)
        while limit > 0:
            params["limit"] = str(min(limit, ITEMS_AT_A_TIME))
            reply = self._request("GET", path, params=params)
            page = self._decode(reply, ListReply[kind])  # type: ignore[valid-type]
            yield from page.data[:limit]
            limit -= len(page.data)
            after = page.metadata.cursor.after
            if after is None:
                return
            params["after_cursor"] = after

    # Exports

    def create_export(self, asked: Mapping[str, Any]) -> CreatedReply:
        """Begin an export."""
        reply = self._request(
            "POST",
            _EXPORTS,
            content=msgspec.json.encode(asked),
            headers={"content-type": "application/json"},
        )
        return self._decode(reply, CreatedReply)

    def export(self, id: str) -> ExportReply:
        """Return one export."""
        return self._decode(
            self._request("GET", f"{_EXPORTS}/jobs/{quote(id, safe=':')}"), ExportReply
        )

    def file_size(self, address: str) -> int:
        """Return how many bytes the file of a download link has."""
        return int(self._request("HEAD", address).headers.get("content-length", "0"))

    def download(self, address: str, *, start: int) -> Iterator[bytes]:
        """Yield the file of a download link from that byte on, piece by piece."""
        headers = {"range": f"bytes={start}-"} if start else {}
        with self._answer("GET", address, headers=headers) as reply:
            if start and reply.status_code != 206:
                raise AnalytexError(
                    "The server sends the file from its beginning only.", details=_NOT_OURS
                )
            yield from reply.iter_raw()

    # Deletions

    def delete(self, what: str, ids: Sequence[str]) -> DeletionReply:
        """Delete `users` or `companies`."""
        reply = self._request(
            "DELETE",
            f"/v1/{what}",
            content=msgspec.json.encode({what: ids}),
            headers={"content-type": "application/json"},
        )
        return self._decode(reply, DeletionReply)

    # The quarantine

    def refused(self, wanted: Mapping[str, str]) -> QuarantineReply:
        """Return a page of refused requests, newest first."""
        return self._decode(self._request("GET", _QUARANTINE, params=wanted), QuarantineReply)

    def refused_request(self, id: str) -> RefusedReply:
        """Return one refused request."""
        return self._decode(self._request("GET", _refused_path(id)), RefusedReply)

    def export_refused(self, wanted: Mapping[str, str]) -> Iterator[bytes]:
        """Yield refused requests as NDJSON, piece by piece."""
        with self._answer("GET", _QUARANTINE, params={**wanted, "format": "ndjson"}) as reply:
            yield from reply.iter_bytes()

    def replay(self, id: str, body: bytes | None, content_type: str = "") -> str:
        """Send a refused request again, with a mended body if one is given.

        Returns the id of the request that was accepted.
        """
        headers = {"content-type": content_type} if content_type else {}
        path = _refused_path(id, "/replay")
        return _request_id(self._request("POST", path, content=body, headers=headers))

    # Questions

    def insight(self, question: str, asked: Sequence[tuple[str, str]], kind: type[Value]) -> Value:
        """Return the answer to `trends`, `funnel`, `retention` or `top`, with these parameters."""
        path = f"/v1/insights/{question}"
        return self._decode(self._request("GET", path, params=list(asked)), kind)

    # Requests

    def _request(self, method: str, path: str, **how: Any) -> httpx.Response:
        with self._answer(method, path, **how) as reply:
            reply.read()
            return reply

    @contextmanager
    def _answer(self, method: str, path: str, **how: Any) -> Iterator[httpx.Response]:
        try:
            with self._http.stream(method, path, **how) as reply:
                if not reply.is_success:
                    reply.read()
                    raise refusal(self.url, path, reply)
                yield reply
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unavailable(
                f"No server answers at {self.url}.",
                details="`analytex serve` starts one; `--url` or the variable ANALYTEX_URL says "
                f"where another one is. ({_cause(error)})",
            ) from error
        except httpx.TimeoutException as error:
            raise Unavailable(
                f"The server at {self.url} did not answer in time.",
                details="It may have taken the request all the same: `analytex jobs list` shows "
                "its jobs.",
            ) from error
        except httpx.RequestError as error:
            raise Unavailable(
                f"The connection with {self.url} broke.",
                details=f"{_cause(error)}. `analytex jobs list` shows what has arrived.",
            ) from error

    def _decode(self, reply: httpx.Response, kind: type[Value]) -> Value:
        try:
            return msgspec.json.decode(reply.content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._not_analytex(harmless(str(error), at_most=200)) from None

    def _not_analytex(self, why: str) -> AnalytexError:
        return AnalytexError(
            f"What {self.url} answers is not what analytex answers.",
            details=f"{_NOT_OURS} A server of another version needs the command of its own "
            f"version. ({why})",
        )


def refusal(url: str, path: str, reply: httpx.Response) -> AnalytexError:
    """Return a server's refusal as the error that it was there, and what to do about it."""
    try:
        item = msgspec.json.decode(reply.content, type=ErrorReply).errors[0]
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError):
        return _foreign(url, reply)
    kind = _BY_CODE.get(item.error, AnalytexError)
    message = harmless(item.message, at_most=_MAX_TEXT)
    parts = [harmless(item.details, at_most=_MAX_TEXT), _hint(kind, path)]
    if kind is AnalytexError:
        parts.append(f"(status {reply.status_code}, request {_request_id(reply)})")
    details = " ".join(filter(None, parts))
    if not issubclass(kind, Retryable):
        return kind(message, details=details)
    seconds = reply.headers.get("retry-after", "")
    wait = int(seconds) if seconds.isdecimal() else 1
    return kind(message, details=details, retry_after_s=wait)


def _hint(kind: type[AnalytexError], path: str) -> str:
    if kind is Unauthorized:
        return "The key comes from `--key` or the variable ANALYTEX_API_KEY."
    if kind is JobRunning:
        return "`analytex jobs list` shows it, and `analytex jobs watch ID` waits for its end."
    if kind is NotFound and path.startswith(_JOBS) and not path.endswith("/errors"):
        return "`analytex jobs list` shows the jobs of the key's environment."
    if issubclass(kind, BodyTooLarge | TooManyRows) and path.endswith("/bulk_identify"):
        return "`--part-rows N` sends fewer rows at a time."
    if issubclass(kind, Retryable):
        return "Try again in a moment."
    return ""


def _foreign(url: str, reply: httpx.Response) -> AnalytexError:
    """Return the refusal of something else than analytex: a proxy, or another program."""
    status = reply.status_code
    words = f"{status} {http.HTTPStatus(status).phrase}" if status in _PHRASES else str(status)
    if reply.has_redirect_location:
        place = harmless(reply.headers["location"], at_most=200)
        return AnalytexError(
            f"{url} sends us on to another address.",
            details=f"Give the one that it means as `--url`: {place}",
        )
    if status == STATUS[BodyTooLarge]:
        details = "It may be a proxy that limits bodies: raise its limit, or go past it."
        return BodyTooLarge(f"{url} answered {words}.", details=details)
    if status in (502, 503, 504):
        return Unavailable(f"{url} answered {words}.", details="Is the server behind it running?")
    if status == STATUS[RateLimited]:
        return RateLimited(f"{url} answered {words}.", details="Try again later.")
    return AnalytexError(f"{url} answered {words}.", details=_NOT_OURS)


_PHRASES: Final = frozenset(int(each) for each in http.HTTPStatus)


def _job_path(id: str, action: str = "") -> str:
    return f"{_JOBS}/{quote(id, safe=':')}{action}"


def _item_path(path: str, id: str) -> str:
    """Return the address of what senders named; every id is a name, `..` too."""
    encoded = "".join(f"%{byte:02X}" for byte in id.encode("utf-8", "replace"))
    if not encoded:
        raise BadRequest("The id is empty.", details="No user and no company has such an id.")
    return f"{path}/{encoded}"


def _refused_path(id: str, action: str = "") -> str:
    return f"{_QUARANTINE}/{quote(id, safe='')}{action}"


def _request_id(reply: httpx.Response) -> str:
    return harmless(reply.headers.get("x-request-id", "unknown"), at_most=64)


def _cause(error: Exception) -> str:
    return harmless(str(error), at_most=200).rstrip(".") or type(error).__name__
