-- name: position
SELECT position FROM applied;

-- name: move_position
-- No row changes if another applier was here first.
UPDATE applied SET position = :upto WHERE position = :start;

-- name: mark_durable
UPDATE applied SET durable = position;

-- name: last_sequence
-- Not one inside a segment, nor one that was given before, though the last events may have been
-- deleted: who follows events by their sequence would miss the next ones.
SELECT max(coalesce((SELECT max(sequence) FROM events), 0), (SELECT sequence FROM indexed),
           (SELECT sequence FROM given));

-- name: users
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM users WHERE environment_id = ? AND user_id IN (%s);

-- name: companies
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM companies WHERE environment_id = ? AND company_id IN (%s);

-- name: memberships
SELECT environment_id, user_id, company_id, first_seen_at
FROM users WHERE environment_id = ? AND user_id IN (%s);

-- name: seen
SELECT environment_id, key, stored, job, seen
FROM imported WHERE environment_id = ? AND key IN (%s);

-- name: newest_seen
SELECT max(key) FROM imported WHERE environment_id = ?;

-- name: buried_users
SELECT environment_id, hash, at
FROM tombstones WHERE environment_id = ? AND kind = 'u' AND hash IN (%s);

-- name: buried_companies
SELECT environment_id, hash, at
FROM tombstones WHERE environment_id = ? AND kind = 'c' AND hash IN (%s);

-- name: newest_burial
SELECT max(at) FROM tombstones WHERE environment_id = ?;

-- name: put_user
INSERT INTO users (environment_id, user_id, company_id, company_stamp, properties, stamps,
                   first_seen_at, identified_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (environment_id, user_id) DO UPDATE SET
    company_id = excluded.company_id, company_stamp = excluded.company_stamp,
    properties = excluded.properties, stamps = excluded.stamps,
    first_seen_at = excluded.first_seen_at, identified_at = excluded.identified_at;

-- name: put_company
INSERT INTO companies (environment_id, company_id, properties, stamps, first_seen_at,
                       identified_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (environment_id, company_id) DO UPDATE SET
    properties = excluded.properties, stamps = excluded.stamps,
    first_seen_at = excluded.first_seen_at, identified_at = excluded.identified_at;

-- name: add_event
INSERT INTO events (sequence, id, environment_id, event_type, event_name, user_id, company_id,
                    source, inserted_at, metadata, company, web)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_unreadable
INSERT OR REPLACE INTO unreadable (position, record, reason) VALUES (?, ?, ?);

-- name: indexed
SELECT sequence FROM indexed;

-- name: set_indexed
UPDATE indexed SET sequence = :last;

-- name: add_segment
INSERT INTO segments (environment_id, first_sequence, event_type, last_sequence, oldest, newest,
                      count)
SELECT environment_id, :first, event_type, :last, min(inserted_at), max(inserted_at), count(*)
FROM events WHERE sequence BETWEEN :first AND :last
GROUP BY environment_id, event_type;

-- name: index_segment
-- In key order, so that the rows go to the end of the table one behind the other.
INSERT INTO events_index (segment, environment_id, field, value, inserted_at, sequence)
SELECT :first, environment_id, field, value, inserted_at, sequence FROM (
    SELECT environment_id, 'u' AS field, user_id AS value, inserted_at, sequence
    FROM events WHERE sequence BETWEEN :first AND :last AND user_id IS NOT NULL
    UNION ALL
    SELECT environment_id, 'c', company_id, inserted_at, sequence
    FROM events WHERE sequence BETWEEN :first AND :last AND company_id IS NOT NULL
    UNION ALL
    SELECT environment_id, 'n', event_name, inserted_at, sequence
    FROM events WHERE sequence BETWEEN :first AND :last AND event_name != ''
) ORDER BY environment_id, field, value, inserted_at, sequence;
