-- Version 3: folders that are kept the same both ways.

-- A local folder and the folder of a server it is kept the same with.
CREATE TABLE sync_root (
  id      INTEGER PRIMARY KEY,
  remote  TEXT    NOT NULL,   -- the server's name in this client's configuration
  server  TEXT    NOT NULL,   -- the server's own identity
  path    BLOB    NOT NULL,   -- on the server, from the root of home
  dir     BLOB    NOT NULL,   -- absolute path
  device  TEXT    NOT NULL,   -- this device's name in conflict names
  node    INTEGER NOT NULL,   -- of the server's folder; 0: not known yet
  epoch   INTEGER NOT NULL,   -- in which journal was read
  journal INTEGER NOT NULL,   -- all changes up to this number are in sync_node and sync_news
  listed  INTEGER NOT NULL,   -- 1: the server's folder was listed once; before, nothing is known of it
  dev     INTEGER NOT NULL,   -- what the local folder is known by: device, inode and attribute
  ino     INTEGER NOT NULL,
  mark    TEXT    NOT NULL,
  scanned INTEGER NOT NULL,   -- when the last whole scan ended, ns since 1970
  synced  INTEGER NOT NULL,   -- the journal number up to which nothing was left to be done; 0: never
  sets    TEXT    NOT NULL,   -- names of folders that are one thing with all they hold, with / between them
  UNIQUE (server, path, dir)
) STRICT;

-- A node as it was when both sides were last the same, with the facts of the local file then.
CREATE TABLE sync_node (
  root    INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  id      INTEGER NOT NULL,   -- the server's number of the node
  parent  INTEGER NOT NULL,
  name    BLOB    NOT NULL,
  kind    INTEGER NOT NULL,
  hash    BLOB,               -- files, links and sets
  size    INTEGER NOT NULL,
  mode    INTEGER NOT NULL,
  mtime   INTEGER NOT NULL,   -- ns since 1970
  version INTEGER NOT NULL,
  fsize   INTEGER NOT NULL,   -- the local facts, all 0: not known
  fmtime  INTEGER NOT NULL,   -- ns since 1970
  fctime  INTEGER NOT NULL,   -- ns since 1970
  ino     INTEGER NOT NULL,
  born    INTEGER NOT NULL,   -- ns since 1970
  PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_node_place ON sync_node (root, parent, name);
CREATE INDEX sync_node_ino ON sync_node (root, ino);

-- A node as the server has it, where that is not what was agreed: the server's tree is sync_node with this laid over it.
CREATE TABLE sync_news (
  root    INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  id      INTEGER NOT NULL,
  deleted INTEGER NOT NULL,   -- 1: it is gone, or lies outside of the folder now
  parent  INTEGER NOT NULL,
  name    BLOB    NOT NULL,
  kind    INTEGER NOT NULL,
  hash    BLOB,
  size    INTEGER NOT NULL,
  mode    INTEGER NOT NULL,
  mtime   INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (root, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_news_place ON sync_news (root, parent, name);

-- What one commit has sent and was not answered for yet: should it turn up on the server, it is our own. It is written before
-- the commit is sent and goes when that is answered, so a row for each name would cost more than the names' own rows.
CREATE TABLE sync_sent (
  id   INTEGER PRIMARY KEY,
  root INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  what BLOB    NOT NULL   -- one thing after another: folder, name and hash, as sync_sent.go writes them
) STRICT;

-- A name that could not be dealt with when it was last tried.
CREATE TABLE sync_problem (
  root    INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  path    BLOB    NOT NULL,   -- relative to the root
  reason  TEXT    NOT NULL,
  skipped INTEGER NOT NULL,   -- 1: of a kind that is never synced
  tries   INTEGER NOT NULL,
  retry   INTEGER NOT NULL,   -- when it is tried again, ns since 1970
  PRIMARY KEY (root, path)
) STRICT, WITHOUT ROWID;

-- A file that was renamed here because the server had another one of its name.
CREATE TABLE sync_conflict (
  root  INTEGER NOT NULL REFERENCES sync_root ON DELETE CASCADE,
  path  BLOB    NOT NULL,   -- relative to the root, as it was renamed
  other BLOB    NOT NULL,   -- the name it had, which the server's has now
  at    INTEGER NOT NULL,   -- ns since 1970
  PRIMARY KEY (root, path)
) STRICT, WITHOUT ROWID;
