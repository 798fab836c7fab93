-- name: open_jobs
-- By the index of open jobs: those that have ended, which may be many, are not looked at.
SELECT kind, status, count(*), sum(json_extract(file, '$.rows')),
       sum(json_extract(counts, '$[0]')), sum(json_extract(counts, '$[1]'))
FROM jobs WHERE finished_at IS NULL GROUP BY kind, status;

-- name: ended_jobs
-- Looks at all of them: half a microsecond each.
SELECT kind, status, count(*) FROM jobs WHERE finished_at IS NOT NULL GROUP BY kind, status;
