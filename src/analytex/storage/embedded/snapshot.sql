-- Reading a store.db of any version, as it is at one moment.

-- name: has_table
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?

-- name: history_version
SELECT version FROM history

-- name: history_files
SELECT path FROM history_files ORDER BY path

-- name: jobs
SELECT id, kind, finished_at IS NULL FROM jobs ORDER BY number
