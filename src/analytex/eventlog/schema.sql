-- log.db, version 1: an append-only table; a row is one flush.
--
-- first    position of the row's first record; the rows follow each other without gaps
-- count    number of records in the row
-- at       when it was written, microseconds since 1970-01-01 UTC
-- records  MessagePack array of `count` binary strings, one per record
--
-- A record counts once the row's transaction is committed in WAL mode with synchronous=FULL, that
-- is, after the write-ahead file was flushed. After a crash SQLite replays the committed rows and
-- drops the unfinished one. The newest row is never removed, so that positions keep growing.
CREATE TABLE batches (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    records BLOB NOT NULL
) STRICT;

-- One row: the position of the first record ever written to this file. Not 0 if the file before it
-- was lost, so that no position is used twice.
CREATE TABLE origin (position INTEGER NOT NULL) STRICT;
INSERT INTO origin VALUES (0);
