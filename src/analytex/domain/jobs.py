"""Background jobs: work on a file of rows, or on a list of ids, that goes on after the reply."""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from analytex.domain.events import Event


class Family(StrEnum):
    """What may run once at a time for an app; also the first word of a job's public id."""

    BULK = "bulk"
    IMPORT = "import"
    DELETE = "delete"
    EXPORT = "export"


class JobKind(StrEnum):
    """What a job does; the `type` of its object."""

    BULK_USERS = "bulk_identify_users"
    BULK_COMPANIES = "bulk_identify_companies"
    IMPORT = "import"
    DELETE_USERS = "delete_users"
    DELETE_COMPANIES = "delete_companies"
    EXPORT = "export"

    @property
    def family(self) -> Family:
        """The family it belongs to."""
        return Family(self.partition("_")[0])


class JobStatus(StrEnum):
    """The six states (contract 5.4), in the order in which a job passes them."""

    QUEUED = "queued"  #: on disk, waiting for its turn
    VALIDATING = "validating"  #: a dry run works through its rows; any other job starts
    PROCESSING = "processing"  #: rows are being stored
    PENDING_REFRESH = "pending_refresh"  #: all rows are stored; not yet safe from a power cut
    COMPLETED = "completed"  #: every row is stored or reported as failed
    FAILED = "failed"  #: it ended early: `reason` says why; what was stored stays

    @property
    def is_final(self) -> bool:
        """Whether a job stays in this state."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


class FileFormat(StrEnum):
    """How a file holds its rows."""

    NDJSON = "ndjson"  #: a JSON object per line
    CSV = "csv"  #: RFC 4180, with a header


class RowsFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rows as it was uploaded."""

    name: str  #: what the sender calls it; never used as a path
    format: FileFormat
    packed: bool  #: with gzip
    size: int  #: bytes, as it lies on disk
    rows: int  #: counted; of a CSV file corrected while it is read


class Mark(NamedTuple):
    """A place between two rows of a file, counted in what gzip unpacked."""

    row: int  #: rows before it
    line: int  #: line ends before it
    offset: int  #: bytes before it


class RowError(NamedTuple):
    """Why a row failed."""

    row: int  #: from 1
    line: int  #: where the row begins, from 1
    place: str  #: the CSV column, or the JSON pointer (RFC 6901), that is wrong; "" for the row
    value: str  #: what stands there, at most `MAX_VALUE_CHARS`
    code: str  #: stable, for programs
    reason: str  #: a sentence for people


MAX_VALUE_CHARS: Final = 200


class Chunk(msgspec.Struct, array_like=True, gc=False):
    """Some rows of a job's file, read and checked."""

    start: Mark
    next: Mark
    events: list[Event]  #: what the good rows become, in their order
    errors: list[RowError]
    failed: list[bytes]  #: the failed rows as they stand in the file, those that were not too long
    last: bool  #: the file ends here


class Counts(NamedTuple):
    """What became of a job's rows; `completed + failed + remaining = total`."""

    completed: int = 0  #: every row that did not fail
    failed: int = 0
    duplicates: int = 0  #: of the completed: stored before by an earlier import
    erased: int = 0  #: of the completed: of a user or company that was deleted after it


class Job(msgspec.Struct, kw_only=True):
    """A job. Times are microseconds since 1970-01-01 UTC."""

    number: int = 0  #: in the order in which jobs were submitted; the store gives it
    id: str  #: a UUID; `public_id` puts family and app token in front
    environment_id: int
    kind: JobKind
    status: JobStatus = JobStatus.QUEUED
    file: RowsFile
    dry_run: bool = False  #: check the rows, store nothing
    retry_of: str | None = None  #: id of the job whose failed rows these are
    key_id: str  #: the key that asked for it
    submitted_at: int
    due_at: int  #: not before this; for a deletion also the moment up to which it reaches
    started_at: int | None = None
    finished_at: int | None = None
    counts: Counts = Counts()
    mark: Mark = Mark(0, 0, 0)  #: how far it has come in its file
    failed_bytes: int = 0  #: length of its file of failed rows
    starts: int = 0  #: how often it was begun since it last got on
    cancelled: bool = False  #: somebody asked for its end
    reason: str | None = None  #: why it failed as a whole
    removed: dict[str, int] = {}  #: of a deletion: where it removed how many
