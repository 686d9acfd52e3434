// Package web answers HTTP with net/http, beside the worker's loop: the counters, and whether all is well.
//
//	parent's metrics listener --hand-off, tag 1--> worker --Take--> Server --> /metrics   the page's counters
//	                                                                   |-----> /healthz   the process answers
//	                                                                   '-----> /readyz    a write would succeed
//
// What comes here is few, small and not trusted with time: connections are counted, the oldest idle one makes room for a
// new one, and every step of a request has its limit. Nothing asks for a password, so the parent listens on loopback
// only, and a browser that was tricked into asking for another host's name is refused.
//
// The package knows no epoll and no native protocol; what goes wrong is told to the peer in a word, and to the log in
// full.
package web
