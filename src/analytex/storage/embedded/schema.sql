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
    family TEXT NOT NULL,               -- bulk, import, delete
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
