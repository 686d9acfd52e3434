-- Version 1 of the client's state. Paths and names are BLOBs, as a name is bytes.

-- A local folder that was pushed or pulled, with the server it was compared with.
CREATE TABLE root (
  id     INTEGER PRIMARY KEY,
  remote TEXT NOT NULL,   -- the server's name in this client's configuration
  server TEXT NOT NULL,   -- the server's own identity
  dir    BLOB NOT NULL,   -- absolute path
  UNIQUE (remote, server, dir)
) STRICT;

-- A local file whose content was known when it had exactly these facts.
CREATE TABLE file (
  root  INTEGER NOT NULL REFERENCES root ON DELETE CASCADE,
  path  BLOB    NOT NULL,   -- relative to the root
  size  INTEGER NOT NULL,
  mtime INTEGER NOT NULL,   -- ns since 1970
  inode INTEGER NOT NULL,
  ctime INTEGER NOT NULL,   -- ns since 1970
  hash  BLOB    NOT NULL,
  PRIMARY KEY (root, path)
) STRICT, WITHOUT ROWID;
