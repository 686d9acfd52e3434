package control

import "sluice/internal/stats"

// Request is one question.
type Request struct {
	Command string `json:"command"`
}

// The commands.
const (
	CommandStatus  = "status"  // asks for a Status
	CommandMetrics = "metrics" // asks for all counters, as Prometheus reads them
	CommandReload  = "reload"  // reads the configuration again; answered when all workers have it
	CommandDrain   = "drain"   // stops the server as SIGTERM does; answered at once
	CommandUpgrade = "upgrade" // hands over to the program as it is on disk now; answered when that is done
)

// Commands are all of them.
var Commands = [...]string{CommandStatus, CommandMetrics, CommandReload, CommandDrain, CommandUpgrade}

// Response is the answer: an error, or what belongs to the command.
type Response struct {
	Error   string  `json:"error,omitempty"`
	Code    int     `json:"code,omitempty"` // with an error: the exit code for it; 0: any
	Text    string  `json:"text,omitempty"` // what was done, in a line
	Status  *Status `json:"status,omitempty"`
	Metrics string  `json:"metrics,omitempty"`
}

// Status is what `sluiced status` shows.
type Status struct {
	Version  string   `json:"version"`
	Pid      int      `json:"pid"`
	State    string   `json:"state"`   // starting, ready, reloading, upgrading, replaced or draining
	Started  string   `json:"started"` // RFC 3339
	UptimeMs int64    `json:"uptime_ms"`
	Listen   []string `json:"listen"`
	Metrics  []string `json:"metrics,omitempty"` // where counters are served by HTTP
	Data     string   `json:"data"`
	Plain    bool     `json:"plain"` // plain TCP beyond loopback is allowed

	Generation   uint64 `json:"generation"`             // of the configuration: one more with every reload
	Successor    int    `json:"successor,omitempty"`    // process of the server that is coming up in an upgrade
	Predecessors []int  `json:"predecessors,omitempty"` // processes of servers that were replaced and still finish something

	Accepted    uint64 `json:"accepted"`
	Refused     uint64 `json:"refused"`
	HandoffFull uint64 `json:"handoff_full"`
	Deaths      uint64 `json:"deaths"`
	BackoffMs   int64  `json:"backoff_ms"`
	Connections int64  `json:"connections"`
	Unknown     int64  `json:"unknown"` // connections not logged in
	Changes     uint64 `json:"changes"`

	Workers []WorkerStatus `json:"workers"`
}

// WorkerStatus is one worker's part of it.
type WorkerStatus struct {
	Slot       int    `json:"slot"`
	Parent     int    `json:"parent"`     // the server it belongs to: this one or a predecessor
	Generation uint64 `json:"generation"` // of the configuration it was started with; 0 in a predecessor's
	stats.Snapshot
}
