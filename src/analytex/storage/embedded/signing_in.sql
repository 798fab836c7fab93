-- name: end_session
INSERT INTO ended_sessions (id, until) VALUES (:id, :until) ON CONFLICT (id) DO NOTHING;

-- name: forget_sessions
DELETE FROM ended_sessions WHERE until <= :now;

-- name: make_room
DELETE FROM ended_sessions WHERE id IN (
    SELECT id FROM ended_sessions
    ORDER BY until LIMIT max(0, (SELECT count(*) FROM ended_sessions) - :most)
);

-- name: has_ended
SELECT count(*) FROM ended_sessions WHERE id = ?;

-- name: forget_failures
-- One that lies further ahead than a window was counted by a clock that was wrong.
DELETE FROM failed_sign_ins WHERE until <= :now OR until > :now + :window;

-- name: count_failure
INSERT INTO failed_sign_ins (sender, count, until) VALUES (:sender, 1, :now + :window)
ON CONFLICT (sender) DO UPDATE SET count = count + 1;

-- name: failures
SELECT count, until FROM failed_sign_ins
WHERE sender = :sender AND until > :now AND until <= :now + :window;
