-- name: waiting
SELECT (SELECT sequence FROM indexed) - (SELECT sequence FROM catalogued);

-- name: catalogued
SELECT sequence FROM catalogued;

-- name: indexed
-- Up to here every segment is complete, so that no sequence is given to another event any more.
SELECT sequence FROM indexed;

-- name: end
SELECT max(coalesce((SELECT max(sequence) FROM events), 0), (SELECT sequence FROM indexed));

-- name: run
SELECT sequence, environment_id, event_type, event_name, inserted_at, metadata, company
FROM events WHERE sequence > :after AND sequence <= :upto ORDER BY sequence;

-- name: behind
-- Those that say anything of the sections that are asked for.
SELECT sequence, environment_id, event_type, event_name, inserted_at, metadata, company
FROM events
WHERE sequence > :after AND environment_id = :environment_id
  AND (:user AND event_type = 'identify_user'
       OR :company AND (event_type = 'identify_company' OR company IS NOT NULL)
       OR (:event OR :track) AND event_type = 'track'
       OR :page_view AND event_type = 'page_view')
ORDER BY sequence;

-- name: move
-- No row changes if somebody else catalogued these events.
UPDATE catalogued SET sequence = :upto WHERE sequence = :start;

-- name: count
SELECT count(*) FROM catalogue WHERE environment_id = ? AND section = ?;

-- name: known
SELECT event, key FROM catalogue WHERE environment_id = ? AND section = ?;

-- name: put
INSERT INTO catalogue (environment_id, section, event, key, count, first_seen, last_seen, strings,
                       dates, numbers, booleans, objects, arrays, nulls)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (environment_id, section, event, key) DO UPDATE SET
    count = count + excluded.count,
    first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen),
    strings = strings + excluded.strings,
    dates = dates + excluded.dates,
    numbers = numbers + excluded.numbers,
    booleans = booleans + excluded.booleans,
    objects = objects + excluded.objects,
    arrays = arrays + excluded.arrays,
    nulls = nulls + excluded.nulls;

-- name: leave_out
INSERT INTO catalogue_left_out (environment_id, section, count) VALUES (?, ?, ?)
ON CONFLICT (environment_id, section) DO UPDATE SET count = count + excluded.count;

-- name: left_out
SELECT count FROM catalogue_left_out WHERE environment_id = ? AND section = ?;

-- name: entries
SELECT event, key, count, first_seen, last_seen, strings, dates, numbers, booleans, objects,
       arrays, nulls
FROM catalogue WHERE environment_id = ? AND section = ?;
