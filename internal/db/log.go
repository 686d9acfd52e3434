package db

import "strings"

// Event is something that happened to a node: it came, or a state of it ended.
type Event struct {
	Number int64 // the journal's
	Came   bool  // it came (again); otherwise Ended says what happened to the state
	Past         // the state that came or ended; Until is 0 for one that stands
}

// Log calls step for what happened in a namespace, from the number before on (not included) downwards, until it says
// false. Every part of the query goes down an index, so what is not asked for costs nothing.
func (tx *Tx) Log(namespace, before int64, step func(e *Event) (more bool, err error)) error {
	var e Event
	return tx.each(logQuery, []any{namespace, before}, func(r *Row) (bool, error) {
		e.scan(r)
		e.Number, e.Came = r.Int(16), r.Int(17) != 0
		return step(&e)
	})
}

var logQuery = strings.Join([]string{
	ended("0"), ended("1"), ended("2"),
	`SELECT ` + pastColumns + `, created AS number, 1 FROM past
		WHERE namespace = CAST(?1 AS INTEGER) AND created < ?2 AND deleted != 3
			AND NOT EXISTS (SELECT 1 FROM past AS first WHERE first.node = past.node AND first.created = past.created AND first.until < past.until)`,
	`SELECT ` + nodeColumns + `, 0, 0, 0, 0, version, 1 FROM node
		WHERE namespace = CAST(?1 AS INTEGER) AND version < ?2 AND created = 0`,
	`SELECT ` + nodeColumns + `, 0, 0, 0, 0, created, 1 FROM node
		WHERE namespace = CAST(?1 AS INTEGER) AND created < ?2 AND created > 0
			AND NOT EXISTS (SELECT 1 FROM past AS first WHERE first.node = node.id AND first.created = node.created)`,
}, " UNION ALL ") + ` ORDER BY 17 DESC`

// ended is the part of the log that tells of states that ended in one way.
func ended(how string) string {
	return `SELECT ` + pastColumns + `, until AS number, 0 FROM past
		WHERE namespace = CAST(?1 AS INTEGER) AND deleted = ` + how + ` AND until < ?2`
}

// CameAgain tells whether a node had ended before it came with a number.
func (tx *Tx) CameAgain(node, number int64) (bool, error) {
	return tx.row(`SELECT 1 FROM past WHERE node = CAST(? AS INTEGER) AND until < ? AND deleted = 1 LIMIT 1`, []any{node, number})
}
