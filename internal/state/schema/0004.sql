-- Version 4: what both sides had last in five columns, and the commits that are on their way.

-- A node as it was when both sides were last the same, with the facts of the local file then. All rows are read and compared
-- whenever nothing has changed, and each is written once by a first sync: a column for each fact would cost half of that again.
ALTER TABLE sync_node RENAME TO sync_node_3;
DROP INDEX sync_node_place;
DROP INDEX sync_node_ino;
CREATE TABLE sync_node (
  root    INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  id      INTEGER NOT NULL,   -- the server's number of the node
  parent  INTEGER NOT NULL,
  name    BLOB    NOT NULL,
  ino     INTEGER NOT NULL,   -- of the local file; 0: not known
  what    BLOB    NOT NULL,   -- the other facts, as sync_node.go writes them
  PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;
INSERT INTO sync_node (root, id, parent, name, ino, what)
  SELECT root, id, parent, name, ino,
    unhex(printf('%02x%08x%016x%016x%016x%016x%016x%016x%016x', kind, mode, size, mtime, version, fsize, fmtime, fctime, born)
      || hex(ifnull(hash, zeroblob(32))))
  FROM sync_node_3;
DROP TABLE sync_node_3;
CREATE INDEX sync_node_place ON sync_node (root, parent, name);
CREATE INDEX sync_node_ino ON sync_node (root, ino);

-- The key of a commit whose reply has not come yet: it may still be on its way.
CREATE TABLE sync_aloft (
  root INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  key  BLOB    NOT NULL,
  PRIMARY KEY (root, key)
) STRICT, WITHOUT ROWID;
