package db

import (
	"errors"
	"strings"
)

// Content is a row of content.
type Content struct {
	ID       int64
	Hash     []byte
	Size     int64 // -1: an upload of open size
	Complete bool
	Segment  int64 // 0: a file of its own
	Offset   int64
	Damaged  bool // its bytes were found not to be what its hash says; read, never written
}

// Contents of segments and files take their numbers from blocks; block 0 is never given out, so 0 can mean "none".

// InsertContent adds a content, unless a complete one of the same hash stands there: then it answers that one's id and
// false.
//
// It is as InsertNode says. Most are new, so the insert itself is asked whether one stands there: with DO NOTHING the
// number of rows would be, in further calls into C.
func (tx *Tx) InsertContent(c *Content) (id int64, fresh bool, err error) {
	err = tx.run(insertContent, c.values(nil)...)
	if err == nil {
		return c.ID, true, nil
	}
	if !errors.Is(err, ErrUnique) {
		return 0, false, err
	}
	id, e := tx.ContentByHash(c.Hash)
	if e != nil || id == 0 {
		return 0, false, errors.Join(err, e)
	}
	return id, false, nil
}

// InsertContents is InsertContent for many. Of those that stand there it tells index and id.
func (tx *Tx) InsertContents(all []Content, twin func(i int, id int64)) error {
	args := make([]any, 0, rowsAtOnce*6)
	for done := 0; done < len(all); {
		group := all[done:min(done+rowsAtOnce, len(all))]
		if len(group) == rowsAtOnce {
			args = args[:0]
			for i := range group {
				args = group[i].values(args)
			}
			err := tx.run(insertContents, args...)
			if err == nil {
				done += rowsAtOnce
				continue
			}
			if !errors.Is(err, ErrUnique) {
				return err
			}
			// Those before the one that stands there have been inserted: below they are found to be their own twins.
		}
		for i := range group {
			id, fresh, err := tx.InsertContent(&group[i])
			if err != nil {
				return err
			}
			if !fresh && id != group[i].ID {
				twin(done+i, id)
			}
		}
		done += len(group)
	}
	return nil
}

const insertContent = `INSERT OR FAIL INTO content (id, hash, size, complete, segment, offset) VALUES (?, ?, ?, ?, ?, ?)`

var insertContents = insertContent + strings.Repeat(", (?, ?, ?, ?, ?, ?)", rowsAtOnce-1)

func (c *Content) values(to []any) []any {
	return append(to, c.ID, c.Hash, c.Size, c.Complete, orNull(c.Segment), c.Offset)
}

// CompleteContent makes an incomplete content complete. The caller has looked that no complete one has its hash.
func (tx *Tx) CompleteContent(id int64, hash []byte, size int64) error {
	_, _, err := tx.exec(`UPDATE content SET hash = ?, size = ?, complete = 1 WHERE id = ?`, hash, size, id)
	return err
}

// ContentByHash finds a complete content, whoever holds it; 0: there is none.
func (tx *Tx) ContentByHash(hash []byte) (id int64, err error) {
	_, err = tx.row(`SELECT id FROM content WHERE hash = ? AND complete = 1`, []any{hash}, &id)
	return id, err
}

// AnyContent finds a complete content of this hash and size, whoever holds it, unless its bytes are known to be damaged.
func (tx *Tx) AnyContent(hash []byte, size int64) (c Content, found bool, err error) {
	found, err = tx.row(`SELECT id, size, segment, offset FROM content
		WHERE hash = ? AND complete = 1 AND size = CAST(? AS INTEGER) AND damaged IS NULL`, []any{hash, size}, &c.ID, &c.Size, &c.Segment, &c.Offset)
	c.Complete = found
	return c, found, err
}

// HeldContent finds a complete content that an account holds: by an upload it has not named yet, by a name or by a past
// version in one of its namespaces. A content that only others hold costs just what one costs that is not there, as a batch
// of a thousand times the same hash would make the difference plain: then it is asked who holds content 0, which nobody does.
// The account is cast for the reason told at nodeColumns: a join would be planned anew for every hash (30 us to 1).
func (tx *Tx) HeldContent(account int64, hash []byte) (c Content, found bool, err error) {
	err = tx.each(`SELECT id, size, segment, offset, damaged FROM content WHERE id = (
		SELECT known.id FROM (SELECT ifnull((SELECT id FROM content WHERE hash = ?1 AND complete = 1), 0) AS id) AS known
		WHERE `+heldBySecond+`)`, []any{hash, account}, func(r *Row) (bool, error) {
		found = true
		c = Content{ID: r.Int(0), Size: r.Int(1), Complete: true, Segment: r.Int(2), Offset: r.Int(3), Damaged: !r.Null(4)}
		return false, nil
	})
	return c, found, err
}

// heldBySecond is 1 where the account that is a statement's second parameter holds the content known.id, NULL otherwise. CASE asks
// no further than the first yes.
const heldBySecond = `CASE
	WHEN EXISTS (SELECT 1 FROM hold WHERE hold.content = known.id AND account = CAST(?2 AS INTEGER)) THEN 1
	WHEN EXISTS (SELECT 1 FROM namespace CROSS JOIN node ON node.namespace = namespace.id
		WHERE owner = CAST(?2 AS INTEGER) AND node.content = known.id) THEN 1
	WHEN EXISTS (SELECT 1 FROM namespace CROSS JOIN past ON past.namespace = namespace.id
		WHERE owner = CAST(?2 AS INTEGER) AND past.content = known.id) THEN 1 END`

// DeleteUnfinished removes an incomplete content that nothing refers to, with its probe. Its file must be gone before, and
// its chunks.
func (tx *Tx) DeleteUnfinished(id int64) error {
	n, _, err := tx.exec(`DELETE FROM content WHERE id = ? AND complete = 0 AND refs = 0`, id)
	if err != nil || n == 0 {
		return err
	}
	return tx.DeleteProbe(id)
}

// Unfinished lists incomplete contents that nothing refers to: what ended uploads leave until their files are removed.
func (tx *Tx) Unfinished(limit int) ([]int64, error) {
	return tx.numbers(`SELECT id FROM content WHERE doomed IS NOT NULL AND complete = 0 LIMIT ?`, limit)
}

// FilesBetween lists the contents from first up to, not including, end that may have a file of their own, in order.
func (tx *Tx) FilesBetween(first, end int64) ([]int64, error) {
	return tx.numbers(`SELECT id FROM content WHERE id >= ? AND id < ? AND segment IS NULL ORDER BY id`, first, end)
}

func (tx *Tx) numbers(query string, args ...any) ([]int64, error) {
	var all []int64
	err := tx.rows(query, args, func(r *Row) error {
		var n int64
		if err := r.Scan(&n); err != nil {
			return err
		}
		all = append(all, n)
		return nil
	})
	return all, err
}
