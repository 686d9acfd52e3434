-- Version 1 of the server's database. All tables are STRICT; times are ns since 1970 and only labels, never an
-- order; names are BLOBs (a name is bytes).

-- The server: one row that says which data folder this is and hands out blocks of file numbers.
CREATE TABLE server (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  uuid       BLOB    NOT NULL,
  created    INTEGER NOT NULL,
  next_block INTEGER NOT NULL
) STRICT;

-- A life is one run of a worker or of a command. Files it begins bear numbers of its blocks, so that what it leaves
-- behind when it dies can be told from what others are still writing.
CREATE TABLE life (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  pid   INTEGER NOT NULL,
  slot  INTEGER NOT NULL,   -- the worker's place; -1: start-up child or command
  began INTEGER NOT NULL,
  ended INTEGER             -- NULL: running, or died and not yet cleaned
) STRICT;

-- A block of 65,536 consecutive numbers, given to one life: block b holds b*65536 .. b*65536+65535. Contents and
-- segments take their numbers from the same blocks.
CREATE TABLE block (
  id   INTEGER PRIMARY KEY,
  life INTEGER NOT NULL REFERENCES life
) STRICT;
CREATE INDEX block_life ON block (life);        -- what did this life begin?

-- A pack segment: a file that holds many small contents. Only its life appends to it; nothing in it is ever changed.
CREATE TABLE segment (
  id   INTEGER PRIMARY KEY,                      -- its number and file name
  life INTEGER NOT NULL
) STRICT;

-- A content: bytes, addressed by their BLAKE3 once complete. Its bytes are a range of a segment, or, where segment is
-- NULL, a file of its own whose name is its id. complete = 1 means durable and verified, and is set in the same
-- transaction as hash. refs counts the rows of hold, node, past and upload that name it; at zero it is doomed.
CREATE TABLE content (
  id       INTEGER PRIMARY KEY,                  -- a number of its life's blocks
  hash     BLOB,
  size     INTEGER NOT NULL,                     -- -1: an upload of open size
  complete INTEGER NOT NULL DEFAULT 0,
  segment  INTEGER REFERENCES segment,
  offset   INTEGER NOT NULL DEFAULT 0,
  refs     INTEGER NOT NULL DEFAULT 0,
  doomed   INTEGER                               -- when refs became zero
) STRICT;
CREATE UNIQUE INDEX content_hash ON content (hash) WHERE complete = 1;
CREATE INDEX content_doomed ON content (doomed) WHERE doomed IS NOT NULL;   -- the collector's list

-- The subtree values of a content that came in chunks: chunk idx is its bytes from idx * 8 MiB. A row means: synced and
-- verified, never written again.
CREATE TABLE chunk (
  content INTEGER NOT NULL,
  idx     INTEGER NOT NULL,
  size    INTEGER NOT NULL,
  value   BLOB    NOT NULL,
  PRIMARY KEY (content, idx)
) STRICT, WITHOUT ROWID;

-- An account: who can log in.
CREATE TABLE account (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  name      BLOB    NOT NULL UNIQUE,
  password  TEXT    NOT NULL,                    -- argon2id in PHC form
  quota     INTEGER,                             -- bytes; NULL: none
  held      INTEGER NOT NULL DEFAULT 0,          -- bytes of hold and upload rows
  namespace INTEGER NOT NULL,                    -- home
  created   INTEGER NOT NULL
) STRICT;

-- A device: one token of an account. Only the token's hash is kept.
CREATE TABLE device (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account,
  name    BLOB    NOT NULL,
  token   BLOB    NOT NULL UNIQUE,               -- SHA-256 of the token
  created INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  revoked INTEGER                                -- when; NULL: good
) STRICT;
CREATE INDEX device_account ON device (account);

-- A namespace: a tree of names with a journal of its own. Accounts own one; groups will.
CREATE TABLE namespace (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  owner   INTEGER,                               -- the account
  root    INTEGER NOT NULL,                      -- node id of its root folder
  epoch   INTEGER NOT NULL,                      -- random; changes when a backup is restored
  journal INTEGER NOT NULL DEFAULT 0,            -- the last number given; only grows
  used    INTEGER NOT NULL DEFAULT 0             -- bytes of node and past rows
) STRICT;
CREATE INDEX namespace_owner ON namespace (owner);

-- A node: a name that exists. Ids are never reused, so a rename or move is one row. version is the journal number of
-- the node's last change; what lies below a deleted folder stays here, its parent being gone.
CREATE TABLE node (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace INTEGER NOT NULL,
  parent    INTEGER,                             -- NULL: a namespace's root
  name      BLOB    NOT NULL,
  kind      INTEGER NOT NULL,                    -- 1 file, 2 folder, 3 link
  content   INTEGER REFERENCES content,
  size      INTEGER NOT NULL DEFAULT 0,
  mode      INTEGER NOT NULL,
  mtime     INTEGER NOT NULL,
  version   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX node_name ON node (parent, name);
CREATE INDEX node_version ON node (namespace, version);          -- changes since
CREATE INDEX node_content ON node (content, namespace) WHERE content IS NOT NULL;   -- who holds it?

-- A past version: a name that was replaced or deleted, as it was. A deleted folder is one row.
CREATE TABLE past (
  id        INTEGER PRIMARY KEY,
  namespace INTEGER NOT NULL,
  node      INTEGER NOT NULL,
  parent    INTEGER,
  name      BLOB    NOT NULL,
  kind      INTEGER NOT NULL,
  content   INTEGER REFERENCES content,
  size      INTEGER NOT NULL,
  mode      INTEGER NOT NULL,
  mtime     INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  until     INTEGER NOT NULL,                    -- journal number that ended it
  deleted   INTEGER NOT NULL,                    -- 1: the node is gone; 0: its content was replaced
  device    INTEGER,                             -- who ended it
  at        INTEGER NOT NULL
) STRICT;
CREATE INDEX past_until   ON past (namespace, until);            -- deletes since; trash
CREATE INDEX past_node    ON past (node);                        -- versions of a name
CREATE INDEX past_content ON past (content, namespace) WHERE content IS NOT NULL;

-- A hold: an account uploaded this content and no commit of its own has named it yet. It is charged until then, or until
-- the sweep.
CREATE TABLE hold (
  account INTEGER NOT NULL,
  content INTEGER NOT NULL REFERENCES content,
  bytes   INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (content, account)   -- in this order new ones are appended, and no other index is needed
) STRICT, WITHOUT ROWID;

-- An upload: a content that is arriving in chunks. It belongs to one account, no session owns it.
CREATE TABLE upload (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  account  INTEGER NOT NULL,
  content  INTEGER NOT NULL UNIQUE REFERENCES content,
  size     INTEGER NOT NULL,                     -- -1: open
  charged  INTEGER NOT NULL,                     -- bytes charged so far: the size, or the chunks of an open one
  began    INTEGER NOT NULL,
  touched  INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_account ON upload (account);

-- A repeat: the reply of a changing request, stored with what it changed, so that a retry gets the same answer.
CREATE TABLE repeat (
  account INTEGER NOT NULL,
  key     BLOB    NOT NULL,
  device  INTEGER NOT NULL,
  type    INTEGER NOT NULL,
  request BLOB    NOT NULL,                      -- BLAKE3 of the header
  reply   BLOB    NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_at ON repeat (at);           -- the sweep

-- Who calls what by which name: users, names and contents side by side, for people and for checks.
CREATE VIEW entry AS
  SELECT account.name AS user, node.namespace, node.id AS node, node.parent, node.name, node.kind, node.size,
         node.mode, node.mtime, node.version, node.content, content.hash, content.complete
  FROM node
  JOIN namespace ON namespace.id = node.namespace
  LEFT JOIN account ON account.id = namespace.owner
  LEFT JOIN content ON content.id = node.content;

-- References are counted here and nowhere else.
CREATE TRIGGER hold_in AFTER INSERT ON hold BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
END;
CREATE TRIGGER hold_out AFTER DELETE ON hold BEGIN
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
CREATE TRIGGER node_in AFTER INSERT ON node WHEN NEW.content IS NOT NULL BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
END;
CREATE TRIGGER node_out AFTER DELETE ON node WHEN OLD.content IS NOT NULL BEGIN
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
CREATE TRIGGER node_content AFTER UPDATE OF content ON node WHEN OLD.content IS NOT NEW.content BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
CREATE TRIGGER past_in AFTER INSERT ON past WHEN NEW.content IS NOT NULL BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
END;
CREATE TRIGGER past_out AFTER DELETE ON past WHEN OLD.content IS NOT NULL BEGIN
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
CREATE TRIGGER upload_in AFTER INSERT ON upload BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
END;
CREATE TRIGGER upload_out AFTER DELETE ON upload BEGIN
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
