"""Every setting of the server in one table: the fields of `Settings`.

A value comes from the first of: command line, environment (`ANALYTEX_<NAME>`), TOML file, default.
"""

import math
import os
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta

from analytex.errors import SettingsError

ENVIRONMENT_PREFIX: Final = "ANALYTEX_"
DEFAULT_FILE: Final = Path("analytex.toml")
SECRET: Final = frozenset({"api_key", "smtp_password"})
MASK: Final = "********"  # what is shown of a secret


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one server."""

    data: Annotated[
        str, Meta(min_length=1, description="Directory that holds everything the server stores.")
    ] = "./analytex-data"
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    ] = 8080
    workers: Annotated[
        int, Meta(ge=1, le=64, description="Processes that answer requests, behind one port.")
    ] = 1
    api_key: Annotated[
        str | None,
        Meta(description="A key with all permissions that shall exist, instead of a made-up one."),
    ] = None
    app_token: Annotated[
        str | None,
        Meta(description="App token of the environment that the first start makes."),
    ] = None
    limits: Annotated[
        Literal["none", "userpilot"],
        Meta(
            description="`userpilot` turns the published limits of the hosted service on: "
            "600 identify and 600 track calls a minute per app token and a deletion every 2 "
            "seconds, then 429; bulk jobs at 1,800 rows a minute."
        ),
    ] = "none"
    body_limit: Annotated[
        int,
        Meta(
            ge=1024,
            le=64 * 1024 * 1024,
            description="Largest request body, unpacked; above it the answer is 413.",
            extra={"unit": "bytes"},
        ),
    ] = 1024 * 1024
    bulk_size_limit: Annotated[
        int,
        Meta(
            ge=1024,
            description="Largest file or body of a bulk identify; above it the answer is 413.",
            extra={"unit": "bytes"},
        ),
    ] = 50_000_000
    bulk_rows_limit: Annotated[
        int,
        Meta(
            ge=1,
            description="Most rows of a bulk identify; above it the answer is 413.",
            extra={"unit": "rows"},
        ),
    ] = 10_000
    row_limit: Annotated[
        int,
        Meta(
            ge=1024,
            le=64 * 1024 * 1024,
            description="Longest row of a file; a longer one fails.",
            extra={"unit": "bytes"},
        ),
    ] = 1024 * 1024
    job_limit: Annotated[
        int,
        Meta(
            ge=1,
            description="Jobs of a family (bulk, import) that an app may have under way; above it "
            "the answer is 409. They are worked on one after the other.",
            extra={"unit": "jobs"},
        ),
    ] = 1
    job_share: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Part of the time that jobs may take while calls come in; 1 does not slow "
            "them down. Without calls they take all of it.",
            extra={"unit": "of the time"},
        ),
    ] = 0.1
    job_keep: Annotated[
        float,
        Meta(
            ge=0,
            description="How long a job that has ended can be looked at, with its errors.",
            extra={"unit": "seconds"},
        ),
    ] = 30 * 86_400.0
    delete_at: Annotated[
        str,
        Meta(
            pattern="^(now|([01][0-9]|2[0-3]):[0-5][0-9])$",
            description="When deletions run: `now`, or at a time of day (UTC) such as `02:00`.",
        ),
    ] = "now"
    company_from_metadata: Annotated[
        bool,
        Meta(
            description="Where an identify names no company, but `metadata.company` is an object "
            "with an `id`, attach the user to that company."
        ),
    ] = True
    queue_limit: Annotated[
        int,
        Meta(
            ge=1,
            description="Calls that may wait for the event log; above it the answer is 503.",
            extra={"unit": "calls"},
        ),
    ] = 10_000
    log_keep: Annotated[
        float,
        Meta(
            ge=0,
            description="How long the event log keeps records after they were applied.",
            extra={"unit": "seconds"},
        ),
    ] = 300.0
    read_wait: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="How long a read waits to see every call acknowledged before it; past it "
            "it answers with what is there and says so in `x-analytex-lag`.",
            extra={"unit": "seconds"},
        ),
    ] = 2.0
    hot_events: Annotated[
        int,
        Meta(
            ge=1,
            description="More complete events than so many are moved into history, in one go.",
            extra={"unit": "events"},
        ),
    ] = 250_000
    seal_after: Annotated[
        float,
        Meta(
            ge=0,
            description="Fewer events, but at least 10,000, are moved into history after so long.",
            extra={"unit": "seconds"},
        ),
    ] = 3600.0
    retention_days: Annotated[
        int,
        Meta(
            ge=0,
            description="How long events are kept, in whole days (UTC); 0 keeps them for ever. "
            "Profiles stay.",
            extra={"unit": "days"},
        ),
    ] = 0
    retention_days_of: Annotated[
        str,
        Meta(
            pattern=r"^([^ ]+=[0-9]+( +[^ ]+=[0-9]+)*)?$",
            description="The same for environments of their own, by app token, separated by "
            "spaces: `NX-1a2b3c4d=30 NX-5e6f7a8b=0`.",
        ),
    ] = ""
    query_memory: Annotated[
        int,
        Meta(
            ge=64 * 1024 * 1024,
            description="Memory that questions over history may take, in each worker; what needs "
            "more uses temporary files.",
            extra={"unit": "bytes"},
        ),
    ] = 512 * 1024 * 1024
    query_threads: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Threads that questions over history may use, in each worker.",
            extra={"unit": "threads"},
        ),
    ] = 2
    query_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="How long a question over history may take; then the answer is 503.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    request_timeout: Annotated[
        float,
        Meta(
            ge=1,
            description="How long a sender may take for one request; then the answer is 408.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    keep_alive: Annotated[
        float,
        Meta(
            ge=1,
            description="How long an idle connection stays open.",
            extra={"unit": "seconds"},
        ),
    ] = 75.0
    stream_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Live streams of events that may be open at a worker; above it the answer "
            "is 503.",
            extra={"unit": "streams"},
        ),
    ] = 100
    quarantine_keep: Annotated[
        float,
        Meta(
            ge=0,
            description="How long refused requests are kept, to be looked at and replayed; 0 "
            "keeps none.",
            extra={"unit": "seconds"},
        ),
    ] = 7 * 86_400.0
    quarantine_limit: Annotated[
        int,
        Meta(
            ge=0,
            description="How much room refused requests may take; beyond it the oldest go.",
            extra={"unit": "bytes"},
        ),
    ] = 64 * 1024 * 1024
    public_url: Annotated[
        str,
        Meta(
            pattern="^(https?://[^ ]+)?$",
            description="The server's own address as others reach it, for download links; without "
            "it they begin with the address that the request went to, and mails have none.",
        ),
    ] = ""
    smtp_host: Annotated[
        str | None,
        Meta(
            description="Mail server (SMTP) that tells people when an export is ready; without "
            "one, nobody is told."
        ),
    ] = None
    smtp_port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port.")] = 587
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="How the connection with it is encrypted."),
    ] = "starttls"
    smtp_from: Annotated[
        str | None,
        Meta(description="Address that mails come from; without one, none are sent."),
    ] = None
    smtp_user: Annotated[
        str | None, Meta(description="Name to log in with; without one nobody logs in.")
    ] = None
    smtp_password: Annotated[str | None, Meta(description="Password to log in with.")] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least serious kind of line that the server writes to standard error."),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Meta(
            description="How these lines are written: for people, or each as a JSON object with "
            "the same fields."
        ),
    ] = "text"
    console: Annotated[
        bool,
        Meta(description="Serve the pages for browsers at `/console`; `/` leads browsers there."),
    ] = True
    metrics_open: Annotated[
        bool,
        Meta(
            description="Answer `/metrics` to everybody. Otherwise it answers without a key on "
            "the machine itself, and elsewhere only with an admin key."
        ),
    ] = False
    ready_lag: Annotated[
        float,
        Meta(
            gt=0,
            description="How long an accepted call may wait to be applied; past it `/readyz` "
            "answers 503.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    ready_disk: Annotated[
        int,
        Meta(
            ge=0,
            description="Free disk below which `/readyz` answers 503.",
            extra={"unit": "bytes"},
        ),
    ] = 256 * 1024 * 1024

    @property
    def directory(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data).expanduser().absolute()


class Setting(NamedTuple):
    """A row of the settings table, as the documents and `config show` present it."""

    name: str
    kind: str  #: `text`, `integer`, `number`, `boolean`, or the allowed words
    default: Any
    unit: str
    sentence: str

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()


class Loaded(NamedTuple):
    """The settings, and where each came from."""

    settings: Settings
    origins: Mapping[str, str]  #: setting name → `default`, `command line`, a variable or a file


def table() -> list[Setting]:
    """Return the settings table in the order in which it is written above."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in msgspec.structs.fields(Settings):
        kind, meta = get_args(hints[field.name])
        rows.append(
            Setting(
                name=field.name,
                kind=_kind(kind),
                default=field.default,
                unit=(meta.extra or {}).get("unit", ""),
                sentence=meta.description,
            )
        )
    return rows


def load(
    command_line: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """Collect the settings from all their sources.

    `file` is the TOML file; without one, `ANALYTEX_CONFIG`, then `analytex.toml` in the working
    directory if it exists. Raises SettingsError, which names the setting and its source.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins = {row.name: "default" for row in table()}
    for origin, found in (
        *_from_file(file or _default_file(environment)),
        *_from_environment(environment, origins),
        *(("command line", {k: v}) for k, v in (command_line or {}).items() if v is not None),
    ):
        for name, value in found.items():
            _check(name, value, origin)
            values[name] = value
            origins[name] = origin
    settings = msgspec.convert(values, Settings, strict=False)
    if settings.limits == "userpilot" and settings.workers > 1:
        raise SettingsError(
            '`limits = "userpilot"` needs `workers = 1`.',
            details="The limits are counted inside one process.",
        )
    return Loaded(settings, origins)


def _default_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(ENVIRONMENT_PREFIX + "CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _from_file(file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    if file is None:
        return []
    try:
        return [(f"file {file}", tomllib.loads(file.read_text("utf-8")))]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"The settings file {file} cannot be read.", details=str(error)
        ) from None


def _from_environment(
    environment: Mapping[str, str], names: Mapping[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name in names:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if environment.get(variable):  # set but empty counts as not set, as in container files
            found.append((f"environment {variable}", {name: environment[variable]}))
    return found


def _check(name: str, value: Any, origin: str) -> None:
    if name not in Settings.__struct_fields__:
        # Its value stays out of the message: it may be a secret with a misspelt name.
        raise SettingsError(
            f"There is no setting `{name}` ({origin}).", details="`analytex config show` lists all."
        )
    try:
        converted = getattr(msgspec.convert({name: value}, Settings, strict=False), name)
        problem = "Expected a number with an end" if converted == math.inf else ""
    except msgspec.ValidationError as error:
        problem = str(error).partition(" - at `$")[0]
    if problem:
        shown = "" if name in SECRET else f": {value!r}"
        raise SettingsError(
            f"The setting `{name}` ({origin}) is not valid{shown}.", details=problem + "."
        )


def _kind(annotation: Any) -> str:
    if isinstance(annotation, types.UnionType):
        annotation = get_args(annotation)[0]
    if words := get_args(annotation):
        return " or ".join(f"`{word}`" for word in words)
    names = {str: "text", int: "integer", float: "number", bool: "boolean"}
    return names[annotation]
