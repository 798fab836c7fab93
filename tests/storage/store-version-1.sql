-- store.db, version 1. Times are microseconds since 1970-01-01 UTC.

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
    company TEXT                        -- JSON object of company properties, if identify named one
) STRICT;

-- A segment is a run of events that is complete, and indexed below. A row says what a segment
-- holds of one environment and event type, so that a read skips the segments it does not need.
-- Events behind the last segment are the tail; reads scan it (at most SEGMENT_ROWS and one batch).
CREATE TABLE segments (
    environment_id INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,    -- names the segment
    event_type TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    oldest INTEGER NOT NULL,            -- inserted_at of the oldest such event in it
    newest INTEGER NOT NULL,
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
