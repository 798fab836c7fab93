-- name: applied
SELECT position FROM applied;

-- name: durable
SELECT durable FROM applied;

-- name: user
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM users WHERE environment_id = ? AND user_id = ?;

-- name: list_users
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM users WHERE environment_id = ? AND user_id > ? ORDER BY user_id LIMIT ?;

-- name: count_users
SELECT count(*) FROM (SELECT 1 FROM users WHERE environment_id = ? LIMIT ?);

-- name: scan_users
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM users ORDER BY environment_id, user_id;

-- name: company
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM companies WHERE environment_id = ? AND company_id = ?;

-- name: list_companies
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM companies WHERE environment_id = ? AND company_id > ? ORDER BY company_id LIMIT ?;

-- name: count_companies
SELECT count(*) FROM (SELECT 1 FROM companies WHERE environment_id = ? LIMIT ?);

-- name: scan_companies
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM companies ORDER BY environment_id, company_id;

-- name: scan_events
SELECT sequence, id, environment_id, event_type, event_name, user_id, company_id, source,
       inserted_at, metadata, company, web
FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?;

-- name: indexed
SELECT sequence FROM indexed;

-- name: segments
-- The segments that may hold what is wanted, the one with the newest such event first.
SELECT first_sequence, last_sequence, max(newest) AS newest
FROM segments
WHERE environment_id = :environment_id
  AND (:event_type IS NULL OR event_type = :event_type)
  AND newest >= :since AND oldest <= :before_at
GROUP BY first_sequence
ORDER BY newest DESC, first_sequence DESC;

-- name: scan_range
-- The newest matching events of a run of sequences.
SELECT inserted_at, sequence
FROM events
WHERE sequence BETWEEN :first AND :last
  AND environment_id = :environment_id
  AND inserted_at >= :since
  AND (inserted_at, sequence) < (:before_at, :before_sequence)
  AND (:id IS NULL OR id = :id)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:company_id IS NULL OR company_id = :company_id)
  AND (:event_type IS NULL OR event_type = :event_type)
  AND (:event_name IS NULL OR event_name = :event_name)
ORDER BY inserted_at DESC, sequence DESC LIMIT :limit;

-- name: find_indexed
-- The newest matching events of one user, company or name, in all segments. The other filters
-- are looked up in the events only if there are any.
SELECT i.inserted_at, i.sequence
FROM (
    SELECT DISTINCT first_sequence FROM segments
    WHERE environment_id = :environment_id
      AND (:event_type IS NULL OR event_type = :event_type)
      AND newest >= :since AND oldest <= :before_at
) AS s
CROSS JOIN events_index AS i
    ON i.segment = s.first_sequence
   AND i.environment_id = :environment_id
   AND i.field = :field
   AND i.value = :value
WHERE i.inserted_at >= :since
  AND (i.inserted_at, i.sequence) < (:before_at, :before_sequence)
  AND (:other_filters = 0 OR EXISTS (
      SELECT 1 FROM events AS e
      WHERE e.sequence = i.sequence
        AND (:id IS NULL OR e.id = :id)
        AND (:company_id IS NULL OR e.company_id = :company_id)
        AND (:event_type IS NULL OR e.event_type = :event_type)
        AND (:event_name IS NULL OR e.event_name = :event_name)))
ORDER BY i.inserted_at DESC, i.sequence DESC LIMIT :limit;

-- name: unreadable
SELECT position, record, reason FROM unreadable WHERE position > ? ORDER BY position LIMIT ?;

-- name: event
SELECT id, environment_id, event_type, event_name, user_id, company_id, source, inserted_at,
       metadata, company, web
FROM events WHERE sequence = ?;
