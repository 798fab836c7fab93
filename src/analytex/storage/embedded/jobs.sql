-- name: columns
number, id, environment_id, kind, status, file, dry_run, retry_of, key_id, submitted_at, due_at,
started_at, finished_at, counts, mark, failed_bytes, starts, cancelled, reason, removed

-- name: add
INSERT INTO jobs (id, environment_id, family, kind, status, file, dry_run, retry_of, key_id,
                  submitted_at, due_at, counts, mark, failed_bytes, starts, cancelled, removed)
VALUES (:id, :environment_id, :family, :kind, :status, :file, :dry_run, :retry_of, :key_id,
        :submitted_at, :due_at, :counts, :mark, 0, 0, 0, '{}');

-- name: count_open
SELECT count(*) FROM jobs
WHERE environment_id = ? AND family = ? AND finished_at IS NULL;

-- name: job
SELECT %s FROM jobs WHERE environment_id = ? AND id = ?;

-- name: list
SELECT %s FROM jobs WHERE environment_id = :environment_id
  AND (:family IS NULL OR family = :family)
ORDER BY number DESC LIMIT :limit;

-- name: behind
SELECT %s FROM jobs WHERE environment_id = ? AND number > ? ORDER BY number LIMIT ?;

-- name: open
SELECT %s FROM jobs WHERE finished_at IS NULL ORDER BY number;

-- name: ended_before
SELECT %s FROM jobs WHERE finished_at < ? ORDER BY number LIMIT 100;

-- name: errors
SELECT row, line, place, value, code, reason FROM job_errors
WHERE job = ? AND row > ? ORDER BY row LIMIT ?;

-- name: cancel
UPDATE jobs SET cancelled = 1 WHERE number = ? AND finished_at IS NULL;

-- name: begin
UPDATE jobs SET starts = starts + 1, started_at = coalesce(started_at, :at),
                status = CASE status WHEN 'queued' THEN 'validating' ELSE status END
WHERE number = :number
RETURNING starts;

-- name: advance
-- No row changes if the job is elsewhere by now.
UPDATE jobs SET mark = :mark, status = :status, counts = :counts, file = :file, starts = 1,
                failed_bytes = :failed_bytes
WHERE number = :number AND mark = :start AND NOT cancelled AND finished_at IS NULL;

-- name: add_error
INSERT INTO job_errors (job, row, line, place, value, code, reason) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: put_seen
INSERT INTO imported (environment_id, key, stored, job, seen) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (environment_id, key) DO UPDATE SET
    stored = excluded.stored, job = excluded.job, seen = excluded.seen;

-- name: end
UPDATE jobs SET status = :status, finished_at = :at, reason = :reason WHERE number = :number;

-- name: next_ended
SELECT %s FROM jobs
WHERE environment_id = ? AND number > ? AND finished_at IS NOT NULL
ORDER BY number LIMIT 1;

-- name: set_file
UPDATE jobs SET file = :file WHERE number = :number;

-- name: error_values
SELECT value FROM job_errors WHERE job = ?;

-- name: forget_errors
UPDATE job_errors SET value = '' WHERE job = :number;

-- name: set_failed_bytes
UPDATE jobs SET failed_bytes = :failed_bytes WHERE number = :number;

-- name: set_removed
UPDATE jobs SET removed = :removed, status = :status, counts = :counts, starts = 1
WHERE number = :number;

-- name: remove_errors
DELETE FROM job_errors WHERE job = ?;

-- name: remove
DELETE FROM jobs WHERE number = ?;

-- name: ids
SELECT id FROM jobs;
