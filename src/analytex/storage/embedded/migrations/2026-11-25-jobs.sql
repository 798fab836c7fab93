-- Jobs, imports and deletions.
ALTER TABLE events ADD COLUMN web TEXT;

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
