-- store.db, version 2. Times are microseconds since 1970-01-01 UTC.

CREATE TABLE environments (
    id INTEGER PRIMARY KEY,
    app_token TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    environment_id INTEGER NOT NULL REFERENCES environments (id),
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,          -- SHA-256 of the key; the key itself is stored nowhere
    permissions TEXT NOT NULL,          -- separated by spaces
    created_at INTEGER NOT NULL,
    revoked_at INTEGER                  -- from this moment on it is refused
) STRICT;

-- One row: counts the changes of the two tables above, so that servers notice them.
CREATE TABLE keyring (version INTEGER NOT NULL) STRICT;
INSERT INTO keyring VALUES (0);

-- One row: everything before this log position is in the tables below.
CREATE TABLE applied (
    position INTEGER NOT NULL,
    durable INTEGER NOT NULL            -- up to here it survives a power cut: the log may be trimmed
) STRICT;
INSERT INTO applied VALUES (0, 0);

CREATE TABLE users (
    environment_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    company_id TEXT,
    company_stamp TEXT,                 -- JSON [time, record id] of the call that set the company
    properties TEXT NOT NULL,           -- JSON object: the values as they were sent
    stamps TEXT NOT NULL,               -- JSON object: property -> [time, record id], of removed ones too
    first_seen_at INTEGER NOT NULL,
    identified_at INTEGER,              -- newest identify; NULL: known from tracks only
    PRIMARY KEY (environment_id, user_id)
) STRICT;

CREATE TABLE companies (
    environment_id INTEGER NOT NULL,
    company_id TEXT NOT NULL,
    properties TEXT NOT NULL,
    stamps TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    identified_at INTEGER,
    PRIMARY KEY (environment_id, company_id)
) STRICT;

-- Every accepted call. Rows are only ever appended, so the table has no other index: a random
-- index slows a growing table down (docs/decisions/0003-indexes-are-built-behind.md).
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,       -- order in which they were applied
    id TEXT NOT NULL,                   -- record id
    environment_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_name TEXT NOT NULL,
    user_id TEXT,
    company_id TEXT,
    source TEXT NOT NULL,
    inserted_at INTEGER NOT NULL,
    metadata TEXT NOT NULL,             -- JSON object as it was sent
    company TEXT,                       -- JSON object of company properties, if identify named one
    web TEXT                            -- JSON object of hostname, browser, ..., if it came with any
) STRICT;

-- A segment is a run of events that is complete, and indexed below. A row says what a segment
-- holds of one environment and event type, so that a read skips the segments it does not need.
-- Events behind the last segment are the tail; reads scan it (at most SEGMENT_ROWS and one batch).
CREATE TABLE segments (
    environment_id INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,    -- names the segment
    event_type TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    oldest INTEGER NOT NULL,            -- inserted_at of the oldest such event in it, or before
    newest INTEGER NOT NULL,            -- of the newest, or behind: after a deletion
    count INTEGER NOT NULL,
    PRIMARY KEY (environment_id, first_sequence, event_type)
) STRICT, WITHOUT ROWID;

-- Where in a segment the events of a user, a company or a name are. Written segment by segment in
-- key order, that is, at the end of the table.
CREATE TABLE events_index (
    segment INTEGER NOT NULL,           -- first_sequence of the segment
    environment_id INTEGER NOT NULL,
    field TEXT NOT NULL,                -- u: user_id, c: company_id, n: event_name
    value TEXT NOT NULL,
    inserted_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (segment, environment_id, field, value, inserted_at, sequence)
) STRICT, WITHOUT ROWID;

-- One row: the last sequence that is in a segment.
CREATE TABLE indexed (sequence INTEGER NOT NULL) STRICT;
INSERT INTO indexed VALUES (0);

-- Log records that could not be read, kept whole with the reason.
CREATE TABLE unreadable (
    position INTEGER PRIMARY KEY,
    record BLOB NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- Background jobs. A job's rows lie in a file of its own (storage/files.py); how far it has come is
-- written here in the transaction that stores the rows.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,         -- in the order in which they were submitted
    id TEXT NOT NULL UNIQUE,            -- UUID
    environment_id INTEGER NOT NULL,
    family TEXT NOT NULL,               -- bulk, import, delete, export
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    file TEXT NOT NULL,                 -- JSON object: name, format, packed, size, rows
    dry_run INTEGER NOT NULL,
    retry_of TEXT,
    key_id TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,            -- not before this
    started_at INTEGER,
    finished_at INTEGER,                -- NULL: it is not at its end
    counts TEXT NOT NULL,               -- JSON [completed, failed, duplicates, erased]
    mark TEXT NOT NULL,                 -- JSON [row, line, offset] of its file up to which it has come
    failed_bytes INTEGER NOT NULL,      -- length of its file of failed rows
    starts INTEGER NOT NULL,            -- how often it was begun since it last got on
    cancelled INTEGER NOT NULL,
    reason TEXT,
    removed TEXT NOT NULL               -- JSON object, of a deletion: where it removed how many
) STRICT;
CREATE INDEX jobs_open ON jobs (number) WHERE finished_at IS NULL;

-- Why rows of a job failed; not more than MAX_ERRORS of one job.
CREATE TABLE job_errors (
    job INTEGER NOT NULL,               -- its number
    row INTEGER NOT NULL,
    line INTEGER NOT NULL,
    place TEXT NOT NULL,
    value TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (job, row)
) STRICT, WITHOUT ROWID;

-- Which rows were imported, by their content, so that the same file again changes nothing.
CREATE TABLE imported (
    environment_id INTEGER NOT NULL,
    key BLOB NOT NULL,                  -- 16 bytes, the event's id: its time first, then a hash
    stored INTEGER NOT NULL,            -- how many such rows are stored
    job INTEGER NOT NULL,               -- number of the last job that had such a row
    seen INTEGER NOT NULL,              -- how many that job had so far
    PRIMARY KEY (environment_id, key)
) STRICT, WITHOUT ROWID;

-- Users and companies that were deleted: what is older than `at` does not bring them back.
CREATE TABLE tombstones (
    environment_id INTEGER NOT NULL,
    kind TEXT NOT NULL,                 -- u: user, c: company
    hash BLOB NOT NULL,                 -- BLAKE2b of the id, keyed with the secret below
    at INTEGER NOT NULL,
    PRIMARY KEY (environment_id, kind, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstones_by_time ON tombstones (environment_id, at);

-- One row: the key of those hashes.
CREATE TABLE secret (key BLOB NOT NULL) STRICT;
INSERT INTO secret VALUES (randomblob(32));

-- The property catalogue: which properties and event names were seen, with their types; no values.
-- Kept behind the events, up to `catalogued` (docs/decisions/0010-the-catalogue-is-kept-behind.md).
CREATE TABLE catalogue (
    environment_id INTEGER NOT NULL,
    section TEXT NOT NULL,              -- user, company, event, track, page_view (domain/catalogue.py)
    event TEXT NOT NULL,                -- of a track's property: the event name; else empty
    key TEXT NOT NULL,                  -- the property, or the event name
    count INTEGER NOT NULL,             -- how many calls and rows carried it
    first_seen INTEGER NOT NULL,        -- the earliest and the latest of their times
    last_seen INTEGER NOT NULL,
    strings INTEGER NOT NULL,           -- how many values of each type
    dates INTEGER NOT NULL,
    numbers INTEGER NOT NULL,
    booleans INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    arrays INTEGER NOT NULL,
    nulls INTEGER NOT NULL,
    PRIMARY KEY (environment_id, section, event, key)
) STRICT, WITHOUT ROWID;

-- How many properties and names were seen for which the catalogue had no room.
CREATE TABLE catalogue_left_out (
    environment_id INTEGER NOT NULL,
    section TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (environment_id, section)
) STRICT, WITHOUT ROWID;

-- One row: the last sequence that is catalogued. Events up to it may leave the table of events.
CREATE TABLE catalogued (sequence INTEGER NOT NULL) STRICT;
INSERT INTO catalogued VALUES (0);

-- One row: no event gets this sequence or a lower one any more, though those that had them are gone.
CREATE TABLE given (sequence INTEGER NOT NULL) STRICT;
INSERT INTO given VALUES (0);

-- History: events that were sealed, in a Delta Lake table beside this file (history/).
-- One row: where hot events end. Those up to `sealed` are in history at that version of the table.
CREATE TABLE history (
    id TEXT NOT NULL,                   -- names this store in the table's transactions
    sealed INTEGER NOT NULL,            -- the last sequence that is in history
    version INTEGER NOT NULL,           -- of the table; -1: there is none
    removed INTEGER NOT NULL,           -- up to this sequence nothing is left in the tables above
    asked INTEGER NOT NULL,             -- somebody wants everything up to this sequence sealed soon
    changes INTEGER NOT NULL            -- counts how often hot events were changed or removed
) STRICT;
INSERT INTO history VALUES (lower(hex(randomblob(16))), 0, -1, 0, 0, 0);

-- The files of the table at that version.
CREATE TABLE history_files (
    path TEXT PRIMARY KEY,              -- inside the table's folder
    environment_id INTEGER NOT NULL,
    day INTEGER NOT NULL,               -- days since 1970-01-01 UTC
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    oldest INTEGER NOT NULL,            -- inserted_at of its oldest event, and of its newest
    newest INTEGER NOT NULL,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX history_files_by_time ON history_files (environment_id, newest);

-- Files that are part of the table no more, and until when others may still read them.
CREATE TABLE history_leftovers (
    path TEXT PRIMARY KEY,
    keep_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Exports: what was asked for, and which files are ready. The files lie in `exports/`.
CREATE TABLE exports (
    job INTEGER PRIMARY KEY,            -- number of its job
    request TEXT NOT NULL,              -- JSON object (domain/exports.py); a deletion empties its names
    chunks TEXT NOT NULL,               -- JSON array of days that have events; null: not known yet
    files TEXT NOT NULL,                -- JSON array of [day, name, rows, bytes]
    gone INTEGER NOT NULL               -- 1: a deletion removed the files
) STRICT;

-- One row: the key that download links are signed with.
CREATE TABLE export_secret (key BLOB NOT NULL) STRICT;
INSERT INTO export_secret VALUES (randomblob(32));

-- Sessions of the console that were ended before their time, so that no copy of a cookie opens one.
CREATE TABLE ended_sessions (
    id TEXT PRIMARY KEY,
    until INTEGER NOT NULL              -- from then on no cookie of it is good anyway
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_sessions_by_time ON ended_sessions (until);

-- How many attempts to sign in failed of late.
CREATE TABLE failed_sign_ins (
    sender BLOB PRIMARY KEY,            -- keyed hash of an address; empty: all together
    count INTEGER NOT NULL,
    until INTEGER NOT NULL              -- from then on they do not count
) STRICT, WITHOUT ROWID;
