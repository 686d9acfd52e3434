package stats

// Snapshot is a slot's numbers at one time, for showing. The values are read one
// after the other and need not agree with each other.
type Snapshot struct {
	Pid         int64  `json:"pid"`
	State       string `json:"state"`
	Started     int64  `json:"started"`
	Restarts    uint64 `json:"restarts"`
	Hung        uint64 `json:"hung"`
	BackoffMs   int64  `json:"backoff_ms"`
	Junk        uint64 `json:"junk"`
	Life        int64  `json:"life"`
	Connections int64  `json:"connections"`
	Parked      int64  `json:"parked"`
	Jobs        int64  `json:"jobs"`
	PipesOpen   int64  `json:"pipes"`
	PipesSmall  int64  `json:"pipes_small"`
	PipeBytes   int64  `json:"pipe_bytes"`
	Accepted    uint64 `json:"accepted"`
	Requests    uint64 `json:"requests"`
	Errors      uint64 `json:"errors"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	SlowFlushes uint64 `json:"slow_flushes"`
	Turns       uint64 `json:"turns"`
	Violations  uint64 `json:"violations"`
	Panics      uint64 `json:"panics"`
	Commits     uint64 `json:"commits"`
	Writes      uint64 `json:"writes"`
	ReadOnly    bool   `json:"read_only"`
}

// Snapshot reads the slot.
func (s *Slot) Snapshot() Snapshot {
	return Snapshot{
		Pid:         s.Pid.Load(),
		State:       State(s.State.Load()).String(),
		Started:     s.Started.Load(),
		Restarts:    s.Restarts.Load(),
		Hung:        s.Hung.Load(),
		BackoffMs:   s.BackoffMs.Load(),
		Junk:        s.Junk.Load(),
		Life:        s.Life.Load(),
		Connections: s.Connections.Load(),
		Parked:      s.Parked.Load(),
		Jobs:        s.Jobs.Load(),
		PipesOpen:   s.PipesOpen.Load(),
		PipesSmall:  s.PipesSmall.Load(),
		PipeBytes:   s.PipeBytes.Load(),
		Accepted:    s.Accepted.Load(),
		Requests:    s.Requests.Load(),
		Errors:      s.Errors.Load(),
		BytesIn:     s.BytesIn.Load(),
		BytesOut:    s.BytesOut.Load(),
		SlowFlushes: s.SlowFlushes.Load(),
		Turns:       s.Turns.Load(),
		Violations:  s.Violations.Load(),
		Panics:      s.Panics.Load(),
		Commits:     s.Commits.Load(),
		Writes:      s.Writes.Load(),
		ReadOnly:    s.ReadOnly.Load() != 0,
	}
}
