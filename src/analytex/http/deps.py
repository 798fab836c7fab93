"""What the handlers are given."""

from typing import NamedTuple

from analytex.auth.keys import Keyring
from analytex.ingest.accept import Ingest, RecordIds
from analytex.ingest.admission import Limiter
from analytex.jobs.intake import Jobs
from analytex.query.reads import Reads
from analytex.settings import Settings


class Deps(NamedTuple):
    """Built once by `service` and handed to both ways of answering."""

    settings: Settings
    keyring: Keyring
    ingest: Ingest
    ids: RecordIds
    reads: Reads
    jobs: Jobs
    limiter: Limiter
