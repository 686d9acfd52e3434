-- Version 2: work that was begun and has not ended.

-- A transfer: a put, get, push or pull that runs, or was ended by something before it was done.
CREATE TABLE transfer (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  command BLOB    NOT NULL,   -- its arguments, each ended by a zero byte
  dir     BLOB    NOT NULL,   -- where it was begun, an absolute path
  remote  TEXT    NOT NULL,   -- the server's name in this client's configuration
  pid     INTEGER NOT NULL,   -- of the run that has it, or had it
  stage   INTEGER NOT NULL,   -- see Stage
  reason  TEXT    NOT NULL,   -- why it ended
  done    INTEGER NOT NULL,   -- bytes
  total   INTEGER NOT NULL,
  began   INTEGER NOT NULL,   -- ns since 1970
  touched INTEGER NOT NULL,
  UNIQUE (command, dir)
) STRICT;

-- What a transfer leaves when it is cancelled, and must be removed then: a partial file here, or an upload there.
CREATE TABLE remnant (
  transfer INTEGER NOT NULL,
  path     BLOB    NOT NULL,  -- absolute; empty: it is an upload
  upload   INTEGER NOT NULL,  -- the server's number; 0: it is a file
  PRIMARY KEY (transfer, path, upload)
) STRICT, WITHOUT ROWID;
