-- refused.db, version 1. Times are microseconds since 1970-01-01 UTC.

-- Requests that carried a valid key and were refused.
CREATE TABLE refused (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of writing; never given again
    id TEXT NOT NULL UNIQUE,            -- the request's id
    environment_id INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    status INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    details TEXT NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,                 -- the first bytes of it, unpacked
    size INTEGER NOT NULL,              -- bytes of the body as it came
    whole INTEGER NOT NULL,             -- whether body and query are all of it
    replayed_at INTEGER,
    replayed_as TEXT,                   -- id of the request that was accepted in its place
    cost INTEGER NOT NULL               -- about how many bytes the row takes
) STRICT;
CREATE INDEX refused_by_environment ON refused (environment_id, number);
CREATE INDEX refused_by_time ON refused (at);

-- What the table above holds of each environment, and how many did not stay for want of room.
CREATE TABLE totals (
    environment_id INTEGER PRIMARY KEY,
    rows INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The totals follow by themselves. (Each statement ends on a line with the END behind it, as the
-- scripts are cut where a line ends with a semicolon.)
CREATE TRIGGER refused_came AFTER INSERT ON refused BEGIN
    INSERT INTO totals (environment_id, rows, bytes) VALUES (new.environment_id, 1, new.cost)
    ON CONFLICT (environment_id) DO UPDATE SET rows = rows + 1, bytes = bytes + new.cost; END;
CREATE TRIGGER refused_went AFTER DELETE ON refused BEGIN
    UPDATE totals SET rows = rows - 1, bytes = bytes - old.cost
    WHERE environment_id = old.environment_id; END;
