-- name: select
SELECT %s, app_token, environments.name, request, chunks, files, gone
FROM exports JOIN jobs ON jobs.number = exports.job
JOIN environments ON environments.id = jobs.environment_id

-- name: add
INSERT INTO exports (job, request, chunks, files, gone) VALUES (?, ?, 'null', '[]', 0);

-- name: one
WHERE jobs.environment_id = ? AND jobs.id = ?

-- name: by_number
WHERE jobs.number = ?

-- name: list
WHERE jobs.environment_id = ? AND (finished_at IS NULL OR finished_at > ?)
ORDER BY jobs.number DESC LIMIT ?

-- name: of_environment
WHERE jobs.environment_id = ? ORDER BY jobs.number

-- name: secret
SELECT key FROM export_secret;

-- name: set_chunks
UPDATE exports SET chunks = ? WHERE job = ?;

-- name: set_files
UPDATE exports SET files = ? WHERE job = ?;

-- name: forget
UPDATE exports SET gone = 1, files = '[]', request = ? WHERE job = ?;

-- name: note_job
-- starts: it got on, so how often it was begun before does not count any more.
UPDATE jobs SET status = 'processing', file = ?, counts = ?, starts = 1
WHERE number = ? AND finished_at IS NULL;

-- name: note_rows
-- Only a file is progress: a process that always dies in the same one must not go on for ever.
UPDATE jobs SET status = 'processing', counts = ?
WHERE number = ? AND finished_at IS NULL;

-- name: ids
SELECT jobs.id FROM exports JOIN jobs ON jobs.number = exports.job;

-- name: remove
DELETE FROM exports
WHERE job NOT IN (SELECT number FROM jobs WHERE finished_at IS NULL OR finished_at >= ?);
