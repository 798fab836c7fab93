-- name: users
-- Those of the next `look_at` users whose ids begin so that fit. The range is one of the key, so
-- others are not read; the inner query has a limit, so SQLite leaves it as it is, and its order.
SELECT environment_id, user_id, company_id, company_stamp, properties, stamps, first_seen_at,
       identified_at
FROM (
    SELECT *, lower(properties) AS small
    FROM users
    WHERE environment_id = :environment_id
      AND user_id >= :start AND user_id < CAST(:end AS TEXT) AND user_id <> :after
    ORDER BY user_id LIMIT :look_at
)
WHERE (:company_id IS NULL OR company_id = :company_id)
  AND (:text IS NULL OR instr(small, :text) OR instr(small, :ascii) OR instr(small, :slashes));

-- name: last_user
-- The last of those that were looked at; none if there are no more behind them.
SELECT user_id
FROM users
WHERE environment_id = :environment_id
  AND user_id >= :start AND user_id < CAST(:end AS TEXT) AND user_id <> :after
ORDER BY user_id LIMIT 1 OFFSET :look_at - 1;

-- name: companies
-- As for users.
SELECT environment_id, company_id, properties, stamps, first_seen_at, identified_at
FROM (
    SELECT *, lower(properties) AS small
    FROM companies
    WHERE environment_id = :environment_id
      AND company_id >= :start AND company_id < CAST(:end AS TEXT) AND company_id <> :after
    ORDER BY company_id LIMIT :look_at
)
WHERE :text IS NULL OR instr(small, :text) OR instr(small, :ascii) OR instr(small, :slashes);

-- name: last_company
SELECT company_id
FROM companies
WHERE environment_id = :environment_id
  AND company_id >= :start AND company_id < CAST(:end AS TEXT) AND company_id <> :after
ORDER BY company_id LIMIT 1 OFFSET :look_at - 1;
