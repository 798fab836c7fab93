"""The error family: every refusal and failure that a caller of analytex can meet.

A class docstring is the default message, so that the documents and the replies are one text.
`http/errors.py` maps each `code` to an HTTP status.
"""

from typing import ClassVar


class AnalytexError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str = "", *, details: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.details = details
        super().__init__(self.message)


class BadRequest(AnalytexError):
    """The request is not valid."""

    code = "bad_request"


class Unauthorized(AnalytexError):
    """The API key is missing or not valid."""

    code = "unauthorized"


class NotFound(AnalytexError):
    """There is nothing at this address."""

    code = "not_found"


class MethodNotAllowed(AnalytexError):
    """This address does not answer that method."""

    code = "method_not_allowed"


class RequestTimeout(AnalytexError):
    """The request was not complete in time."""

    code = "request_timeout"


class BodyTooLarge(AnalytexError):
    """The request body is too large."""

    code = "body_too_large"


class UnsupportedEncoding(AnalytexError):
    """The body's Content-Encoding is not supported."""

    code = "unsupported_encoding"


class HeadersTooLarge(AnalytexError):
    """The request's headers are too large."""

    code = "headers_too_large"


class Retryable(AnalytexError):
    """The request was not stored; send it again later."""

    def __init__(self, message: str = "", *, details: str = "", retry_after_s: int = 1) -> None:
        super().__init__(message, details=details)
        self.retry_after_s = retry_after_s


class RateLimited(Retryable):
    """Too many requests for this app token."""

    code = "rate_limited"


class Unavailable(Retryable):
    """The server cannot store the request at the moment; nothing was stored."""

    code = "unavailable"


class SettingsError(AnalytexError):
    """A setting is not valid."""

    code = "settings"


class DataDirectoryError(AnalytexError):
    """The data directory cannot be used."""

    code = "data_directory"


class TooManyRows(AnalytexError):
    """The file has too many rows."""

    code = "too_many_rows"


class JobRunning(AnalytexError):
    """A job of this family is already running."""

    code = "job_running"


class JobState(AnalytexError):
    """The job is not in a state that allows this."""

    code = "job_state"


class AlreadyReplayed(AnalytexError):
    """The refused request was replayed before, and accepted."""

    code = "already_replayed"


class Conflict(AnalytexError):
    """Another process changed the same thing first."""

    code = "conflict"


class BackupError(AnalytexError):
    """The backup cannot be made, or cannot be used."""

    code = "backup"
