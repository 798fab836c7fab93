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
