"""What the handlers are given."""

from typing import NamedTuple

from analytex.auth.keys import Keyring
from analytex.ingest.accept import Ingest, RecordIds
from analytex.ingest.admission import Limiter
from analytex.jobs.export_intake import Exports
from analytex.jobs.intake import Jobs
from analytex.jobs.quarantine import Quarantine
from analytex.query.insights.questions import Insights
from analytex.query.live import Live
from analytex.query.lookups import Lookups
from analytex.query.reads import Reads
from analytex.query.watch import Watch
from analytex.settings import Settings


class Deps(NamedTuple):
    """Built once by `service` and handed to both ways of answering."""

    settings: Settings
    keyring: Keyring
    ingest: Ingest
    ids: RecordIds
    reads: Reads
    lookups: Lookups
    jobs: Jobs
    exports: Exports
    limiter: Limiter
    watch: Watch
    live: Live
    quarantine: Quarantine
    insights: Insights
