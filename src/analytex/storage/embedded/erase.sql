-- name: secret
SELECT key FROM secret;

-- name: bury
INSERT INTO tombstones (environment_id, kind, hash, at) VALUES (?, ?, ?, ?)
ON CONFLICT (environment_id, kind, hash) DO UPDATE SET at = max(at, excluded.at);

-- name: segments
-- The segments that hold anything of the environment, from the one on in which a sequence is.
SELECT DISTINCT first_sequence, last_sequence FROM segments
WHERE environment_id = :environment_id AND first_sequence >= (
    SELECT coalesce(max(first_sequence), 0) FROM segments
    WHERE environment_id = :environment_id AND first_sequence <= :after)
ORDER BY first_sequence LIMIT :limit;

-- name: in_segment
SELECT sequence FROM events_index
WHERE segment = :segment AND environment_id = :environment_id AND field = :field
  AND value = :value AND sequence > :after
ORDER BY sequence;

-- name: behind
-- Of whom the events behind a sequence are.
SELECT sequence, environment_id, user_id, company_id FROM events WHERE sequence > ?
ORDER BY sequence;

-- name: event
SELECT id, environment_id, event_type, event_name, user_id, company_id, source, inserted_at,
       metadata, company, web
FROM events WHERE sequence = :sequence AND (:only IS NULL OR event_type = :only);

-- name: note_given
-- Before the last events may go.
UPDATE given SET sequence = max(sequence, (SELECT coalesce(max(sequence), 0) FROM events));

-- name: remove_event
DELETE FROM events WHERE sequence = ?;

-- name: change_event
UPDATE events SET id = :id, event_type = :event_type, user_id = :user_id, company_id = :company_id,
                  metadata = :metadata, company = :company, web = :web
WHERE sequence = :sequence;

-- name: remove_imported
DELETE FROM imported WHERE environment_id = ? AND key = ?;

-- name: segment_of
SELECT max(first_sequence) FROM segments WHERE environment_id = ? AND first_sequence <= ?;

-- name: remove_entry
DELETE FROM events_index
WHERE segment = :segment AND environment_id = :environment_id AND field = :field
  AND value = :value AND inserted_at = :inserted_at AND sequence = :sequence;

-- name: count_as_other
-- Before it is counted no more as what it was, as that may remove the row that is read here.
INSERT INTO segments (environment_id, first_sequence, event_type, last_sequence, oldest, newest,
                      count)
SELECT environment_id, first_sequence, :becomes, last_sequence, :inserted_at, :inserted_at, 1
FROM segments
WHERE environment_id = :environment_id AND first_sequence = :segment AND event_type = :was
ON CONFLICT (environment_id, first_sequence, event_type) DO UPDATE SET
    count = count + 1, oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest);

-- name: count_no_more
-- The oldest and newest times stay: as bounds they are still right.
UPDATE segments SET count = count - 1
WHERE environment_id = :environment_id AND first_sequence = :segment AND event_type = :was;

-- name: remove_empty
DELETE FROM segments
WHERE environment_id = :environment_id AND first_sequence = :segment AND event_type = :was
  AND count <= 0;

-- name: user
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM users WHERE environment_id = ? AND user_id = ?;

-- name: company
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM companies WHERE environment_id = ? AND company_id = ?;

-- name: last_user
SELECT max(user_id) FROM (
    SELECT user_id FROM users WHERE environment_id = :environment_id AND user_id > :after
    ORDER BY user_id LIMIT :limit);

-- name: members
-- The property `company` may name one, in several ways; few users have it.
SELECT user_id FROM users
WHERE environment_id = :environment_id AND user_id > :after AND user_id <= :last
  AND (company_id IN (SELECT value FROM json_each(:company_ids))
       OR instr(properties, '"company"'));

-- name: remove_user
DELETE FROM users WHERE environment_id = ? AND user_id = ?;

-- name: remove_company
DELETE FROM companies WHERE environment_id = ? AND company_id = ?;

-- name: remove_unreadable
DELETE FROM unreadable WHERE position = ?;
