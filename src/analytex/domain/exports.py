"""Exports: events written into files that can be downloaded, a file for each day."""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from analytex.domain.history import DAY
from analytex.domain.jobs import Job
from analytex.domain.profiles import ProfileKind

KEPT: Final = 3 * DAY  #: after its end a job can be looked at for so long (contract 8.2)
LINKED: Final = 2 * DAY  #: and its files can be downloaded for so long

#: Values of `event_type` in the contract (8.5); this server has no events of the other three.
EVENT_TYPES: Final = (
    "identify_user",
    "identify_company",
    "interaction",
    "track",
    "track_feature",
    "page_view",
    "session_start",
)


class ExportFormat(StrEnum):
    """How the files hold the events."""

    NDJSON = "ndjson"  #: a JSON object per line, packed with gzip
    CSV = "csv"  #: RFC 4180, with a header
    PARQUET = "parquet"
    AVRO = "avro"

    @property
    def suffix(self) -> str:
        """What the names of its files end with."""
        return ".ndjson.gz" if self is ExportFormat.NDJSON else f".{self}"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for, and how; an empty list means any."""

    format: ExportFormat = ExportFormat.NDJSON
    since: int | None = None  #: inclusive; microseconds since 1970-01-01 UTC
    until: int | None = None  #: exclusive
    event_types: list[str] = []
    user_ids: list[str] = []
    company_ids: list[str] = []
    emails: list[str] = []  #: who is told when the files are ready

    def names(self, kind: ProfileKind, id: str) -> bool:
        """Whether it says that the events shall be of this user or company."""
        return id in (self.user_ids if kind is ProfileKind.USER else self.company_ids)

    @property
    def names_somebody(self) -> bool:
        """Whether it says of whom the events shall be."""
        return bool(self.user_ids or self.company_ids)


class ExportFile(NamedTuple):
    """A file that is ready."""

    chunk: str  #: the day (UTC) of its events, `2026-03-01`
    name: str
    rows: int
    bytes: int


class Export(msgspec.Struct, kw_only=True):
    """An export: its job, what is asked for, and what is ready."""

    job: Job
    app_token: str
    environment_name: str
    request: ExportRequest
    chunks: list[str] | None = None  #: the days that have events; None: not known yet
    files: list[ExportFile] = []
    gone: bool = False  #: a deletion removed the files

    @property
    def left(self) -> list[str]:
        """The chunks that are not ready."""
        ready = {file.chunk for file in self.files}
        return [chunk for chunk in self.chunks or [] if chunk not in ready]

    @property
    def links_until(self) -> int | None:
        """When its links end; None: it has none."""
        at = self.job.finished_at
        return None if at is None or self.gone else at + LINKED
