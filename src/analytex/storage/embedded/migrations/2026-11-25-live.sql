-- One row: no event gets this sequence or a lower one any more, though those that had them are gone.
CREATE TABLE given (sequence INTEGER NOT NULL) STRICT;
INSERT INTO given VALUES (0);
