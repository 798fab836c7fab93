-- name: columns
id, environment_id, key_id, at, method, path, query, status, code, message, details,
content_type, body, size, whole, number, replayed_at, replayed_as

-- name: add
INSERT OR IGNORE INTO refused (id, environment_id, key_id, at, method, path, query, status, code,
                               message, details, content_type, body, size, whole, cost)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_dropped
INSERT INTO totals (environment_id, dropped) VALUES (?, ?)
ON CONFLICT (environment_id) DO UPDATE SET dropped = dropped + excluded.dropped;

-- name: crowded
-- Environments with too many rows, and by how many.
SELECT environment_id, rows - :rows FROM totals WHERE rows > :rows;

-- name: bytes
SELECT coalesce(sum(bytes), 0) FROM totals;

-- name: largest
SELECT environment_id FROM totals ORDER BY bytes DESC LIMIT 1;

-- name: remove_oldest
DELETE FROM refused WHERE number IN (
    SELECT number FROM refused WHERE environment_id = ? ORDER BY number LIMIT ?);

-- name: expire
DELETE FROM refused WHERE number IN (SELECT number FROM refused WHERE at < ? ORDER BY at LIMIT ?);

-- name: find
SELECT %s FROM refused
WHERE environment_id = :environment_id
  AND (:before IS NULL OR number < :before)
  AND (:status IS NULL OR status = :status)
  AND (:code IS NULL OR code = :code)
  AND (:path IS NULL OR path = :path)
  AND (:since IS NULL OR at >= :since)
  AND (:until IS NULL OR at < :until)
ORDER BY number DESC LIMIT :limit;

-- name: count
SELECT count(*) FROM refused
WHERE environment_id = :environment_id
  AND (:status IS NULL OR status = :status)
  AND (:code IS NULL OR code = :code)
  AND (:path IS NULL OR path = :path)
  AND (:since IS NULL OR at >= :since)
  AND (:until IS NULL OR at < :until);

-- name: dropped
SELECT dropped FROM totals WHERE environment_id = ?;

-- name: get
SELECT %s FROM refused WHERE id = ? AND environment_id = ?;

-- name: mark_replayed
UPDATE refused SET replayed_at = :at, replayed_as = :request_id WHERE number = :number;

-- name: remove
DELETE FROM refused WHERE number = ? AND environment_id = ?;

-- name: last
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'refused';

-- name: behind
SELECT %s FROM refused
WHERE number > :after AND number <= :upto
  AND environment_id IN (SELECT value FROM json_each(:environments))
ORDER BY number LIMIT :limit;

-- name: oldest
SELECT %s FROM refused
WHERE environment_id = :environment_id AND number > :after AND at <= :until
ORDER BY number LIMIT :limit;
