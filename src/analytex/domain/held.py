"""What is held of users and companies: all of it is what deletions remove and downloads show."""

from enum import StrEnum


class Held(StrEnum):
    """A kind of thing that can hold a user or company; the word counts it in a receipt."""

    USERS = "users"  #: profiles, with the company that each belongs to
    COMPANIES = "companies"
    EVENTS = "events"  #: in the store, and in history
    LOG_RECORDS = "log_records"  #: what the log still has of accepted calls
    UNREADABLE = "unreadable"  #: records that were put aside, since they could not be applied
    FAILED_ROWS = "failed_rows"  #: of uploaded files, with why they failed
    REFUSED_REQUESTS = "refused_requests"  #: in quarantine
    # Not counted:
    FILE_NAMES = "file_names"  #: as those called the files who uploaded them
    WAITING_ROWS = "waiting_rows"  #: of files under way, and ids that are to be deleted
    EXPORTS = "exports"  #: files of events, and the requests for them, which may name somebody
