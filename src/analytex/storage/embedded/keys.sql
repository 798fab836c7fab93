-- name: version
SELECT version FROM keyring;

-- name: changed
-- Part of every change below, so that servers notice it.
UPDATE keyring SET version = version + 1;

-- name: environments
SELECT id, app_token, name, created_at FROM environments ORDER BY id;

-- name: add_environment
INSERT INTO environments (app_token, name, created_at) VALUES (?, ?, ?);

-- name: keys
SELECT id, environment_id, name, hint, hash, permissions, created_at, revoked_at
FROM keys ORDER BY created_at, rowid;

-- name: add_key
INSERT INTO keys (id, environment_id, name, hint, hash, permissions, created_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: revoke_key
-- A key that ends earlier anyway keeps its end.
UPDATE keys SET revoked_at = min(coalesce(revoked_at, :at), :at) WHERE id = :id;
