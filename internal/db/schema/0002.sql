-- Version 2: what resume, possession, versions, trash, plans and the collector need.

-- The server's secret: signs the challenges of instant uploads, so that every worker can check what another gave out.
CREATE TABLE secret (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key BLOB    NOT NULL
) STRICT;
INSERT INTO secret VALUES (1, randomblob(32));

-- A nonce that was used: a challenge is answered once. Swept when the challenge itself has ended.
CREATE TABLE nonce (
  id    BLOB    PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX nonce_until ON nonce (until);

-- A probe: a few ranges of a large content, by which its relatives and its partial uploads are found before it is hashed.
-- Of a complete content the server has computed it, of an upload it is what the client says. Hashes are BLAKE3, 16 bytes.
CREATE TABLE probe (
  content INTEGER PRIMARY KEY,
  size    INTEGER NOT NULL,
  head    BLOB    NOT NULL,
  middle  BLOB    NOT NULL,
  tail    BLOB    NOT NULL
) STRICT;
CREATE INDEX probe_head ON probe (head, size);
CREATE INDEX probe_tail ON probe (tail, size);

-- An upload knows who began it and what its user calls it; sparse: its file was not allocated ahead.
ALTER TABLE upload ADD COLUMN device INTEGER;
ALTER TABLE upload ADD COLUMN label  BLOB;
ALTER TABLE upload ADD COLUMN sparse INTEGER NOT NULL DEFAULT 0;

-- A plan: limits that accounts share. NULL: what the configuration says; quota NULL: none.
CREATE TABLE plan (
  name     TEXT    PRIMARY KEY,
  quota    INTEGER,
  versions INTEGER,                              -- how long replaced contents are kept, ns
  trash    INTEGER                               -- how long deleted names are kept, ns
) STRICT;
ALTER TABLE account ADD COLUMN plan TEXT;        -- its quota holds unless the account has one of its own

-- A moment: the number a commit ended with, when, and whose it was. at only grows within a namespace, whatever the clock
-- does, so that a time names a number.
CREATE TABLE moment (
  namespace INTEGER NOT NULL,
  journal   INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  device    INTEGER,
  PRIMARY KEY (namespace, journal)
) STRICT, WITHOUT ROWID;
CREATE INDEX moment_at ON moment (namespace, at);
INSERT INTO moment SELECT id, journal, unixepoch() * 1000000000, NULL FROM namespace;

-- forgotten: deletes up to this number are not told any more. horizon: the tree as of an earlier number is not known any
-- more.
ALTER TABLE namespace ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
ALTER TABLE namespace ADD COLUMN horizon   INTEGER NOT NULL DEFAULT 0;
UPDATE namespace SET horizon = journal;          -- moves were not noted so far

-- created: the number with which the node came (again). 0 in node: that is its version, it has not changed since; so a
-- new name costs nothing here. past.deleted is 0 replaced, 1 deleted, 2 moved, 3 a deleted folder that is being purged:
-- what lies below it is still to be removed. A file's or link's content is NULL where the node's next state has the same
-- one and is charged for it: it was moved, or it was deleted and came again.
ALTER TABLE node ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
ALTER TABLE past ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER past_content AFTER UPDATE OF content ON past WHEN OLD.content IS NOT NEW.content BEGIN
  UPDATE content SET refs = refs + 1, doomed = NULL WHERE id = NEW.content;
  UPDATE content SET refs = refs - 1, doomed = CASE WHEN refs = 1 THEN unixepoch() * 1000000000 END WHERE id = OLD.content;
END;
CREATE INDEX node_created ON node (namespace, created) WHERE created > 0;   -- the log
CREATE INDEX past_created ON past (namespace, created);                     -- the log
DROP INDEX past_until;
CREATE INDEX past_until ON past (namespace, deleted, until);                -- deletes since; trash; log; the sweep
DROP INDEX past_node;
CREATE INDEX past_node ON past (node, until);                               -- versions of a node; a node as of
CREATE INDEX past_place ON past (parent, name, until);                      -- versions of a name; a folder as of

-- damaged: when its bytes were found not to be what its hash says. It is not read any more; the next upload heals it.
ALTER TABLE content ADD COLUMN damaged INTEGER;
CREATE INDEX content_damaged ON content (damaged) WHERE damaged IS NOT NULL;
CREATE INDEX content_segment ON content (segment) WHERE segment IS NOT NULL;   -- what lives in a segment?

-- closed: its life appends to it no more. size: how long its file is, once it was cut behind the last content there ever was
-- in it; NULL: not yet. ended: where the last one of those ended that were collected from it. dead: bytes of it that belong to no
-- content, all of them once size is known, before only those of collected ones.
ALTER TABLE segment ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN size   INTEGER;
ALTER TABLE segment ADD COLUMN ended  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN dead   INTEGER NOT NULL DEFAULT 0;

-- How far the last scrub came, so that the next one goes on there.
CREATE TABLE scrub (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  next     INTEGER NOT NULL,                     -- the content to go on with
  began    INTEGER NOT NULL,
  finished INTEGER,                              -- when the last whole round ended
  bad      INTEGER NOT NULL                      -- contents found damaged in this round
) STRICT;
