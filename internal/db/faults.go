package db

// Fault is a row, or a few, that contradict each other.
type Fault struct {
	Kind FaultKind
	ID   int64  // the row that a repair is about
	Text string // what is wrong, without the kind
}

// FaultKind tells what a fault is about; its text is shown and told in JSON, so it does not change.
type FaultKind string

const (
	FaultDatabase   FaultKind = "database"    // SQLite's own structures
	FaultKey        FaultKind = "key"         // a row names a missing one
	FaultReferences FaultKind = "references"  // of a content; ID is the content
	FaultContent    FaultKind = "content"     // a row of content
	FaultChunk      FaultKind = "chunk"       // a row of chunk or probe; ID is the content
	FaultCharge     FaultKind = "charge"      // of an account; ID is the account
	FaultUse        FaultKind = "use"         // of a namespace; ID is the namespace
	FaultHold       FaultKind = "hold"        // a row of hold; ID is the content
	FaultUpload     FaultKind = "upload"      // a row of upload; ID is the upload
	FaultName       FaultKind = "name"        // a row of node; ID is the node
	FaultOrphan     FaultKind = "orphan-name" // a node in a folder that neither is nor was; ID is the node
	FaultRoot       FaultKind = "root"        // of a namespace; ID is the namespace
	FaultJournal    FaultKind = "journal"     // of a namespace, behind its rows; ID is the namespace
	FaultVersion    FaultKind = "version"     // a row of past; ID is the node
	FaultMoment     FaultKind = "moment"      // of a namespace; ID is the namespace
)

// span is what a question is asked about at a time, so that no snapshot is held for long: an old one makes the log grow.
type span uint8

const (
	atOnce       span = iota // everything
	contentBlock             // the contents of a block of numbers
	nodeRange                // so many nodes
	pastRange                // so many past versions
)

// spanRows is the length of a range of nodes or past versions.
const spanRows = 1 << 16

// question finds faults of a kind: a query of (id, text) that gives a row for each. One that is asked span by span has the
// parameters ?1 and ?2: the first number and the one behind the last.
type question struct {
	kind FaultKind
	by   span
	sql  string
}

// questions are all of them. What they compare changes in the same transactions, so each holds in any snapshot.
var questions = []question{
	{FaultKey, atOnce, `SELECT ifnull(rowid, 0), printf('row %d of %s names a missing %s', rowid, "table", parent) FROM pragma_foreign_key_check`},

	{FaultReferences, contentBlock, `SELECT id, printf('content %x has %d references, counted %d', id, refs, n) FROM (SELECT c.id, c.refs,
		(SELECT count(*) FROM hold WHERE content = c.id) + (SELECT count(*) FROM node WHERE content = c.id)
		+ (SELECT count(*) FROM past WHERE content = c.id) + (SELECT count(*) FROM upload WHERE content = c.id) AS n
		FROM content AS c WHERE c.id >= CAST(?1 AS INTEGER) AND c.id < CAST(?2 AS INTEGER)) WHERE refs <> n`},
	{FaultReferences, contentBlock, `SELECT id, printf('content %x has %d references, but is %s', id, refs, iif(refs, 'doomed', 'not doomed'))
		FROM content WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND (refs = 0) <> (doomed IS NOT NULL)`},
	{FaultContent, contentBlock, `SELECT id, printf('%x is complete and has no hash or no size', id) FROM content
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND complete AND (hash IS NULL OR length(hash) <> 32 OR size < 0)`},
	{FaultContent, contentBlock, `SELECT id, printf('%x has a number that was never given out', id) FROM content
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND (id >> 16) NOT IN (SELECT id FROM block)`},
	{FaultChunk, atOnce, `SELECT content, printf('%d belongs to content %x, which is not there', idx, content) FROM chunk
		WHERE content NOT IN (SELECT id FROM content)`},
	{FaultChunk, contentBlock, `SELECT k.content, printf('%d of content %x is of %d bytes', k.idx, k.content, k.size)
		FROM content AS c JOIN chunk AS k ON k.content = c.id WHERE c.id >= CAST(?1 AS INTEGER) AND c.id < CAST(?2 AS INTEGER)
		AND (k.size <= 0 OR k.size > 8388608 OR length(k.value) <> 32 OR c.size >= 0 AND k.idx * 8388608 + k.size > c.size)`},
	{FaultChunk, atOnce, `SELECT content, printf('the probe of content %x, which is not there', content) FROM probe
		WHERE content NOT IN (SELECT id FROM content)`},

	{FaultCharge, atOnce, `SELECT id, printf('account %d holds %d bytes, counted %d', id, held, n) FROM (SELECT a.id, a.held,
		(SELECT ifnull(sum(bytes), 0) FROM hold WHERE account = a.id) + (SELECT ifnull(sum(charged), 0) FROM upload WHERE account = a.id) AS n
		FROM account AS a) WHERE held <> n`},
	{FaultUse, atOnce, `SELECT id, printf('namespace %d uses %d bytes, counted %d', id, used, n) FROM (SELECT s.id, s.used,
		(SELECT ifnull(sum(size), 0) FROM node WHERE namespace = s.id)
		+ (SELECT ifnull(sum(size), 0) FROM past WHERE namespace = s.id AND deleted <> 2) AS n
		FROM namespace AS s) WHERE used <> n`},
	{FaultHold, atOnce, `SELECT h.content, printf('of account %d on content %x, which is not complete or has another size', h.account, h.content)
		FROM hold AS h JOIN content AS c ON c.id = h.content WHERE NOT c.complete OR c.size <> h.bytes`},
	{FaultHold, atOnce, `SELECT content, printf('of account %d, which is not there, on content %x', account, content) FROM hold
		WHERE account NOT IN (SELECT id FROM account)`},
	{FaultUpload, atOnce, `SELECT u.id, printf('%d has a complete content', u.id) FROM upload AS u JOIN content AS c ON c.id = u.content WHERE c.complete`},
	{FaultUpload, atOnce, `SELECT id, printf('%d is of account %d, which is not there', id, account) FROM upload
		WHERE account NOT IN (SELECT id FROM account)`},

	{FaultName, nodeRange, `SELECT n.id, printf('%d names content %x, which is not complete or has another size', n.id, n.content)
		FROM node AS n JOIN content AS c ON c.id = n.content
		WHERE n.id >= CAST(?1 AS INTEGER) AND n.id < CAST(?2 AS INTEGER) AND (NOT c.complete OR c.size <> n.size)`},
	{FaultName, nodeRange, `SELECT id, printf('%d of kind %d has content %x', id, kind, ifnull(content, 0)) FROM node
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND (kind NOT IN (1, 2, 3) OR (kind = 2) <> (content IS NULL))`},
	{FaultName, nodeRange, `SELECT n.id, printf('%d stands in %d, which is of another namespace or no folder', n.id, p.id)
		FROM node AS n JOIN node AS p ON p.id = n.parent
		WHERE n.id >= CAST(?1 AS INTEGER) AND n.id < CAST(?2 AS INTEGER) AND (n.namespace <> p.namespace OR p.kind <> 2)`},
	{FaultName, nodeRange, `SELECT id, printf('%d is of namespace %d, which is not there', id, namespace) FROM node
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND namespace NOT IN (SELECT id FROM namespace)`},
	{FaultName, nodeRange, `SELECT n.id, printf('%d stands, though it was deleted with number %d', n.id, p.until)
		FROM node AS n JOIN past AS p ON p.node = n.id
		WHERE n.id >= CAST(?1 AS INTEGER) AND n.id < CAST(?2 AS INTEGER) AND p.deleted = 1 AND CASE n.created WHEN 0 THEN n.version ELSE n.created END < p.until`},
	{FaultOrphan, nodeRange, `SELECT id, printf('%d stands in %d, which neither is nor was there', id, parent) FROM node AS n
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND parent IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = n.parent)
		AND NOT EXISTS (SELECT 1 FROM past WHERE past.node = n.parent AND deleted IN (1, 3))`},
	{FaultRoot, atOnce, `SELECT id, printf('%d of namespace %d is not there', root, id) FROM namespace AS s
		WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = s.root AND parent IS NULL AND namespace = s.id)`},

	{FaultJournal, nodeRange, `SELECT s.id, printf('of namespace %d is %d, but node %d has version %d', s.id, s.journal, n.id, n.version)
		FROM node AS n JOIN namespace AS s ON s.id = n.namespace
		WHERE n.id >= CAST(?1 AS INTEGER) AND n.id < CAST(?2 AS INTEGER) AND n.version > s.journal`},
	{FaultJournal, pastRange, `SELECT s.id, printf('of namespace %d is %d, but node %d ended at %d', s.id, s.journal, p.node, p.until)
		FROM past AS p JOIN namespace AS s ON s.id = p.namespace
		WHERE p.id >= CAST(?1 AS INTEGER) AND p.id < CAST(?2 AS INTEGER) AND p.until > s.journal`},
	{FaultVersion, atOnce, `SELECT min(id), printf('%d of namespace %d was given to %d nodes', version, namespace, count(*)) FROM node
		WHERE parent IS NOT NULL GROUP BY namespace, version HAVING count(*) > 1`},
	{FaultVersion, pastRange, `SELECT node, printf('%d of node %d ended at %d', version, node, until) FROM past
		WHERE id >= CAST(?1 AS INTEGER) AND id < CAST(?2 AS INTEGER) AND until <= version`},
	{FaultVersion, pastRange, `SELECT p.node, printf('%d of node %d ended at %d, but stands', p.version, p.node, p.until)
		FROM past AS p JOIN node AS n ON n.id = p.node
		WHERE p.id >= CAST(?1 AS INTEGER) AND p.id < CAST(?2 AS INTEGER) AND n.version < p.until`},
	{FaultVersion, pastRange, `SELECT p.node, printf('%d of node %d names content %x, which is not complete or has another size', p.version, p.node, p.content)
		FROM past AS p JOIN content AS c ON c.id = p.content
		WHERE p.id >= CAST(?1 AS INTEGER) AND p.id < CAST(?2 AS INTEGER) AND (NOT c.complete OR c.size <> p.size)`},
	{FaultMoment, atOnce, `SELECT m.namespace, printf('%d of namespace %d is beyond its journal, or its namespace is gone', m.journal, m.namespace)
		FROM moment AS m LEFT JOIN namespace AS s ON s.id = m.namespace WHERE s.id IS NULL OR m.journal > s.journal`},
	{FaultMoment, atOnce, `SELECT namespace, printf('%d of namespace %d is earlier than the one before it', journal, namespace)
		FROM (SELECT namespace, journal, at, lag(at) OVER (PARTITION BY namespace ORDER BY journal) AS before FROM moment) WHERE at < before`},
}

// Faults calls tell for everything in the database that contradicts itself: first what SQLite says of its own structures,
// then our rows. It reads in many short transactions, each of which sees one state.
func (d *DB) Faults(tell func(Fault)) error {
	var blocks []int64
	var nodes, past int64
	err := d.Read(func(tx *Tx) error {
		err := tx.rows(`PRAGMA integrity_check(20)`, nil, func(r *Row) error {
			if text := r.Text(0); text != "ok" {
				tell(Fault{FaultDatabase, 0, text})
			}
			return nil
		})
		if err != nil {
			return err
		}
		if blocks, err = tx.numbers(`SELECT DISTINCT id >> 16 FROM content ORDER BY 1`); err != nil {
			return err
		}
		_, err = tx.row(`SELECT (SELECT max(id) FROM node), (SELECT max(id) FROM past)`, nil, &nodes, &past)
		return err
	})
	for i := 0; i < len(questions) && err == nil; i++ {
		q := &questions[i]
		switch q.by {
		case atOnce:
			err = d.ask(q, tell)
		case contentBlock:
			for k := 0; k < len(blocks) && err == nil; k++ {
				err = d.ask(q, tell, blocks[k]<<16, (blocks[k]+1)<<16)
			}
		case nodeRange, pastRange:
			last, next := nodes, `SELECT min(id) FROM node WHERE id >= ?`
			if q.by == pastRange {
				last, next = past, `SELECT min(id) FROM past WHERE id >= ?`
			}
			for first := int64(0); first <= last && err == nil; {
				if err = d.ask(q, tell, first, first+spanRows); err != nil {
					break
				}
				// A restored backup goes on with ids far beyond those it knew.
				after := first + spanRows
				err = d.Read(func(tx *Tx) error {
					_, err := tx.row(next, []any{after}, &first)
					return err
				})
				if first == 0 { // none
					break
				}
			}
		}
	}
	return err
}

func (d *DB) ask(q *question, tell func(Fault), span ...any) error {
	return d.Read(func(tx *Tx) error {
		return tx.rows(q.sql, span, func(r *Row) error {
			tell(Fault{q.kind, r.Int(0), r.Text(1)})
			return nil
		})
	})
}

// RowCounts are how many rows of each kind there are.
type RowCounts struct{ Contents, Segments, Chunks, Names, Past, Holds, Uploads int64 }

// CountRows counts.
func (tx *Tx) CountRows() (c RowCounts, err error) {
	_, err = tx.row(`SELECT (SELECT count(*) FROM content), (SELECT count(*) FROM segment), (SELECT count(*) FROM chunk),
		(SELECT count(*) FROM node), (SELECT count(*) FROM past), (SELECT count(*) FROM hold), (SELECT count(*) FROM upload)`, nil,
		&c.Contents, &c.Segments, &c.Chunks, &c.Names, &c.Past, &c.Holds, &c.Uploads)
	return c, err
}
