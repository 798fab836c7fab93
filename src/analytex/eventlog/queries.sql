-- name: append
-- One flush; the position is taken inside the statement, so that several processes may append.
INSERT INTO batches (first, count, at, records)
SELECT coalesce((SELECT first + count FROM batches ORDER BY first DESC LIMIT 1),
                (SELECT position FROM origin)), ?, ?, ?;

-- name: trim
DELETE FROM batches WHERE first IN (
    SELECT first FROM batches
    WHERE first + count <= :before AND at < :older_than
      AND first < (SELECT max(first) FROM batches)
    ORDER BY first LIMIT :rows);

-- name: row_of
-- The row that holds a position.
SELECT first FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1;

-- name: read
SELECT first, count, records FROM batches WHERE first >= ? ORDER BY first;

-- name: end
SELECT coalesce((SELECT first + count FROM batches ORDER BY first DESC LIMIT 1),
                (SELECT position FROM origin));

-- name: clear
DELETE FROM batches;

-- name: set_origin
UPDATE origin SET position = ?;
