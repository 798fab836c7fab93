-- name: sealed
SELECT sealed, version, changes FROM history;

-- name: store_id
SELECT id FROM history;

-- name: hot
SELECT min((SELECT sequence FROM indexed), (SELECT sequence FROM catalogued)),
       max((SELECT coalesce(max(sequence), 0) FROM events), (SELECT sequence FROM indexed)),
       sealed, removed, asked
FROM history;

-- name: last_sequence
SELECT max((SELECT coalesce(max(sequence), 0) FROM events), (SELECT sequence FROM indexed));

-- name: indexed
SELECT sequence FROM indexed;

-- name: sealable
-- The end of the last segment that is catalogued and not too far away, but at least one segment.
SELECT coalesce(
    (SELECT max(last_sequence) FROM segments
     WHERE last_sequence <= min(:sealed + :at_most, (SELECT sequence FROM catalogued))),
    (SELECT min(last_sequence) FROM segments
     WHERE last_sequence <= (SELECT sequence FROM catalogued)),
    :sealed);

-- name: ask
UPDATE history SET asked = max(asked, :upto);

-- name: note
UPDATE history SET sealed = :sealed, version = :version;

-- name: add_file
INSERT INTO history_files (path, environment_id, day, rows, bytes, oldest, newest, added_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO NOTHING;

-- name: remove_file
DELETE FROM history_files WHERE path = ?;

-- name: add_leftover
INSERT INTO history_leftovers (path, keep_until) VALUES (?, ?)
ON CONFLICT (path) DO UPDATE SET keep_until = min(keep_until, excluded.keep_until);

-- name: remove_leftover
DELETE FROM history_leftovers WHERE path = ?;

-- name: remove_segments
-- From now on no read finds what is sealed among the hot events.
DELETE FROM segments WHERE last_sequence <= :sealed;

-- name: set_removed
UPDATE history SET removed = :removed;

-- name: first_indexed
SELECT min(segment) FROM events_index;

-- name: remove_index
DELETE FROM events_index WHERE segment = ?;

-- name: remove_events
DELETE FROM events WHERE sequence <= ?;

-- name: first_event
SELECT min(sequence) FROM events;

-- name: changed
UPDATE history SET changes = changes + 1;

-- name: crowds
SELECT environment_id, day, count(*) AS files, max(added_at) AS youngest
FROM history_files WHERE rows < :large
GROUP BY environment_id, day
HAVING files >= :files OR (files > 1 AND youngest < :quiet_before)
ORDER BY files DESC LIMIT :limit;

-- name: oldest_day
SELECT min(day) FROM history_files
WHERE (:environment_id IS NULL OR environment_id = :environment_id)
  AND environment_id NOT IN (SELECT value FROM json_each(:others));

-- name: sweepable
SELECT 1 FROM history_leftovers WHERE keep_until <= ? LIMIT 1;

-- name: leftovers
SELECT path, keep_until FROM history_leftovers;

-- name: files
SELECT path, environment_id, day, rows, bytes, oldest, newest FROM history_files;

-- name: files_between
SELECT path, environment_id, day, rows, bytes, oldest, newest FROM history_files
WHERE environment_id = :environment_id AND newest >= :since AND oldest <= :before
ORDER BY newest DESC;

-- name: any_between
SELECT 1 FROM history_files
WHERE environment_id = :environment_id AND newest >= :since AND oldest <= :before LIMIT 1;

-- name: app_tokens
SELECT id, app_token FROM environments;

-- name: rows
SELECT sequence, id, environment_id, event_type, event_name, user_id, company_id, source,
       inserted_at, metadata, company, web
FROM events WHERE sequence > ? AND sequence <= ? ORDER BY sequence;

-- name: rows_of
SELECT sequence, id, environment_id, event_type, event_name, user_id, company_id, source,
       inserted_at, metadata, company, web
FROM events WHERE sequence > ? AND sequence <= ? AND environment_id = ? ORDER BY sequence;

-- name: times
SELECT sequence, environment_id, inserted_at FROM events
WHERE sequence > ? ORDER BY sequence LIMIT ?;
