package web

import "time"

const (
	// maxConnections of a worker: a few scrapers, each of which keeps one open, and somebody with curl.
	maxConnections = 16
	// scrapesAtOnce are collected; more are told to come again. One takes a millisecond of a core for each few workers.
	scrapesAtOnce = 4
	// maxHeader is far above what a scraper sends.
	maxHeader = 8 << 10

	headerTime = 2 * time.Second  // from a connection's or request's beginning to its header's end; on loopback it is one packet
	readTime   = 3 * time.Second  // to the end of a body, which nobody wants
	writeTime  = 10 * time.Second // to the reply's end: a reader that does not read is given up
	idleTime   = 2 * time.Minute  // longer than the usual times between scrapes

	// readyTime is how long /readyz waits for the store: longer than a fair turn at the gate.
	readyTime = 3 * time.Second
	// readyKept is how long one answer of the store is good for all who ask.
	readyKept = time.Second
)
