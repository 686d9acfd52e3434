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
)

// Response is the answer: an error, or what belongs to the command.
type Response struct {
	Error   string  `json:"error,omitempty"`
	Status  *Status `json:"status,omitempty"`
	Metrics string  `json:"metrics,omitempty"`
}

// Status is what `sluiced status` shows.
type Status struct {
	Version  string   `json:"version"`
	Pid      int      `json:"pid"`
	State    string   `json:"state"`   // starting, ready or draining
	Started  string   `json:"started"` // RFC 3339
	UptimeMs int64    `json:"uptime_ms"`
	Listen   []string `json:"listen"`
	Metrics  []string `json:"metrics,omitempty"` // where counters are served by HTTP
	Data     string   `json:"data"`
	Plain    bool     `json:"plain"` // plain TCP beyond loopback is allowed

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
	Slot int `json:"slot"`
	stats.Snapshot
}
