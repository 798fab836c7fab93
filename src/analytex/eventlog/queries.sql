-- name: append
-- One flush; the position is taken inside the statement, so that several processes may append.
INSERT INTO batches (first, count, at, records)
SELECT coalesce((SELECT first + count FROM batches ORDER BY first DESC LIMIT 1),
                (SELECT position FROM origin)), ?, ?, ?;

-- name: trim
-- The oldest rows, until they are enough.
DELETE FROM batches WHERE first IN (
    SELECT first FROM (
        SELECT first, sum(bytes) OVER (ORDER BY first) - bytes AS bytes_before
        FROM (
            SELECT first, length(records) AS bytes FROM batches
            WHERE first + count <= :before AND at < :older_than
              AND first < (SELECT max(first) FROM batches)
            ORDER BY first LIMIT :rows))
    WHERE bytes_before < :bytes);

-- name: row_of
-- The row that holds a position.
SELECT first FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1;

-- name: read
SELECT first, count, records FROM batches WHERE first >= ? ORDER BY first;

-- name: next_row
SELECT first, count, records FROM batches WHERE first >= ? ORDER BY first LIMIT 1;

-- name: again
SELECT records FROM batches WHERE first = ?;

-- name: overwrite
-- As long as what it replaces, so it lies in the same place.
UPDATE batches SET records = :records WHERE first = :first;

-- name: written_at
SELECT at FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1;

-- name: end
SELECT coalesce((SELECT first + count FROM batches ORDER BY first DESC LIMIT 1),
                (SELECT position FROM origin));

-- name: clear
DELETE FROM batches;

-- name: set_origin
UPDATE origin SET position = ?;
