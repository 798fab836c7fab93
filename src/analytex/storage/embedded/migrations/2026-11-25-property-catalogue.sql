-- The property catalogue.
CREATE TABLE catalogue (
    environment_id INTEGER NOT NULL,
    section TEXT NOT NULL,
    event TEXT NOT NULL,
    key TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    strings INTEGER NOT NULL,
    dates INTEGER NOT NULL,
    numbers INTEGER NOT NULL,
    booleans INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    arrays INTEGER NOT NULL,
    nulls INTEGER NOT NULL,
    PRIMARY KEY (environment_id, section, event, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE catalogue_left_out (
    environment_id INTEGER NOT NULL,
    section TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (environment_id, section)
) STRICT, WITHOUT ROWID;
CREATE TABLE catalogued (sequence INTEGER NOT NULL) STRICT;
INSERT INTO catalogued VALUES (0);
