-- Version 3: a commit costs the same whatever was answered before it.

-- repeat had its replies within the tree of its keys. To find a key there, whole rows are compared, and a reply of 1,000
-- entries is eight pages: with 1,000 of them stored, a commit read 80 pages. Now keys have a tree of their own.
ALTER TABLE repeat RENAME TO old;
CREATE TABLE repeat (
  id      INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  key     BLOB    NOT NULL,
  device  INTEGER NOT NULL,
  type    INTEGER NOT NULL,
  request BLOB    NOT NULL,                      -- BLAKE3 of the header
  at      INTEGER NOT NULL,
  reply   BLOB    NOT NULL                       -- last, so that a look at the rest reads no further
) STRICT;
INSERT INTO repeat (account, key, device, type, request, at, reply)
  SELECT account, key, device, type, request, at, reply FROM old ORDER BY at;
DROP TABLE old;                                  -- with repeat_at
CREATE UNIQUE INDEX repeat_key ON repeat (account, key);
CREATE INDEX repeat_at ON repeat (at);           -- the sweep
