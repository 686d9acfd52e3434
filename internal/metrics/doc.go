// Package metrics turns the page of counters into what Prometheus reads.
//
//	parent, workers --> stats.Page --> Collector --> Text       sluiced metrics, by the control socket
//	                                            \--> Registry   GET /metrics, by package web
//
// Every process that has the page mapped can tell the numbers of all: a scrape that meets another worker each time sees
// one server. Names and units are a promise to those who draw graphs: the tables in worker.go and server.go are the
// whole list, and the dashboard, the alert rules and docs/OPERATIONS.md are held against it by tests.
//
// The package knows no sockets and no processes, and reads nothing but the page.
package metrics
