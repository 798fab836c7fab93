-- name: last
-- Never a number that was given before, though the last events may have been deleted or moved away.
SELECT max(coalesce((SELECT max(sequence) FROM events), 0), (SELECT sequence FROM indexed),
           (SELECT sequence FROM given));

-- name: first
-- What is in history may be gone from the events already.
SELECT sealed + 1 FROM history;

-- name: behind
SELECT sequence, id, environment_id, event_type, event_name, user_id, company_id, source,
       inserted_at, metadata, company, web
FROM events
WHERE sequence > :after AND sequence <= :upto
  AND environment_id IN (SELECT value FROM json_each(:environments))
  AND (:files OR length(id) = :call_id_chars)
  AND (:user_ids IS NULL OR user_id IN (SELECT value FROM json_each(:user_ids)))
  AND (:company_ids IS NULL OR company_id IN (SELECT value FROM json_each(:company_ids)))
  AND (:event_names IS NULL OR event_name IN (SELECT value FROM json_each(:event_names)))
  AND (:event_types IS NULL OR event_type IN (SELECT value FROM json_each(:event_types)))
ORDER BY sequence;
