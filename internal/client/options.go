package client

import "time"

// Options of a Remote. Only Address must be set.
type Options struct {
	Address     string        // sluice+plain://host[:port]
	Token       string        // device token; empty: not logged in
	Agent       string        // program and version, told to the server, at most 64 bytes
	Plain       bool          // allow plain TCP to other machines than this one
	Connections int           // at most so many at once, opened on demand; 0: 4
	Timeout     time.Duration // without a byte in either direction while a reply is awaited; 0: 60 s
	Retries     int           // how often a request is tried again after a temporary failure; 0: 10, -1: never
	LimitRate   int64         // bytes a second, each way, of all connections together; 0: no limit
	Congestion  string        // TCP congestion control; empty: SLUICE_CONGESTION, else the system's
}
