CREATE TABLE exports (
    job INTEGER PRIMARY KEY,
    request TEXT NOT NULL,
    chunks TEXT NOT NULL,
    files TEXT NOT NULL,
    gone INTEGER NOT NULL
) STRICT;
CREATE TABLE export_secret (key BLOB NOT NULL) STRICT;
INSERT INTO export_secret VALUES (randomblob(32));
