package metrics

import "sluice/internal/stats"

// forWorkers are the numbers of each worker; the label worker is its slot. Counters go on when a worker is replaced.
var forWorkers = []row[*stats.Slot]{
	{gauge, "sluice_worker_ready", "1: the worker takes connections.",
		func(s *stats.Slot) float64 { return truth(stats.State(s.State.Load()) == stats.Ready) }},
	{gauge, "sluice_worker_start_time_seconds", "When the worker's process was started, in seconds since 1970.",
		func(s *stats.Slot) float64 { return seconds(s.Started.Load()) }},
	{counter, "sluice_worker_restarts_total", "Times the worker got a new process.",
		func(s *stats.Slot) float64 { return float64(s.Restarts.Load()) }},
	{counter, "sluice_worker_hangs_total", "Times the parent killed the worker because its loop stood still.",
		func(s *stats.Slot) float64 { return float64(s.Hung.Load()) }},
	{gauge, "sluice_worker_backoff_seconds", "How long the worker's next start is put off.",
		func(s *stats.Slot) float64 { return float64(s.BackoffMs.Load()) / 1e3 }},
	{counter, "sluice_worker_junk_messages_total", "Messages to the parent that made no sense.",
		func(s *stats.Slot) float64 { return float64(s.Junk.Load()) }},
	{counter, "sluice_worker_cpu_seconds_total", "Processor time of the worker, user and system.",
		func(s *stats.Slot) float64 { return float64(s.CPU.Load()) / 1e9 }},
	{gauge, "sluice_worker_resident_memory_bytes", "Memory of the worker that is in RAM, shared pages included.",
		func(s *stats.Slot) float64 { return float64(s.Resident.Load()) }},
	{gauge, "sluice_worker_open_fds", "Open descriptors of the worker.",
		func(s *stats.Slot) float64 { return float64(s.Descriptors.Load()) }},
	{counter, "sluice_loop_turns_total", "Turns of the worker's event loop.",
		func(s *stats.Slot) float64 { return float64(s.Turns.Load()) }},
	{counter, "sluice_panics_total", "Panics that were recovered; each closed one connection. Any is a defect.",
		func(s *stats.Slot) float64 { return float64(s.Panics.Load()) }},
	{gauge, "sluice_jobs", "Jobs that wait for the disk or the database, or are at work.",
		func(s *stats.Slot) float64 { return float64(s.Jobs.Load()) }},

	{gauge, "sluice_connections", "Open connections of the native protocol.",
		func(s *stats.Slot) float64 { return float64(s.Connections.Load()) }},
	{gauge, "sluice_connections_parked", "Of these, those that wait for news.",
		func(s *stats.Slot) float64 { return float64(s.Parked.Load()) }},
	{counter, "sluice_accepted_connections_total", "Connections of the native protocol that the worker was given.",
		func(s *stats.Slot) float64 { return float64(s.Accepted.Load()) }},
	{counter, "sluice_requests_total", "Requests answered, well or badly.",
		func(s *stats.Slot) float64 { return float64(s.Requests.Load()) }},
	{counter, "sluice_received_bytes_total", "Bytes of requests and their bodies.",
		func(s *stats.Slot) float64 { return float64(s.BytesIn.Load()) }},
	{counter, "sluice_sent_bytes_total", "Bytes of replies and their bodies.",
		func(s *stats.Slot) float64 { return float64(s.BytesOut.Load()) }},
	{counter, "sluice_slow_flushes_total", "Bodies whose file was so slow that they left the loop.",
		func(s *stats.Slot) float64 { return float64(s.SlowFlushes.Load()) }},
	{gauge, "sluice_pipes", "Pipes, in use or idle.",
		func(s *stats.Slot) float64 { return float64(s.PipesOpen.Load()) }},
	{gauge, "sluice_pipes_small", "Of these, those the kernel made smaller than wanted.",
		func(s *stats.Slot) float64 { return float64(s.PipesSmall.Load()) }},
	{gauge, "sluice_pipe_bytes", "Sizes of all pipes together.",
		func(s *stats.Slot) float64 { return float64(s.PipeBytes.Load()) }},

	{gauge, "sluice_store_read_only", "1: the worker's store has stopped writing after an I/O error.",
		func(s *stats.Slot) float64 { return float64(s.ReadOnly.Load()) }},
	{counter, "sluice_commits_total", "Transactions of the database that are durable.",
		func(s *stats.Slot) float64 { return float64(s.Commits.Load()) }},
	{counter, "sluice_commit_writes_total", "Requests' writes that shared those transactions.",
		func(s *stats.Slot) float64 { return float64(s.Writes.Load()) }},

	{gauge, "sluice_http_connections", "Open connections of the metrics listener.",
		func(s *stats.Slot) float64 { return float64(s.WebConnections.Load()) }},
	{counter, "sluice_http_refused_connections_total", "Connections of the metrics listener closed at once: too many.",
		func(s *stats.Slot) float64 { return float64(s.WebRefused.Load()) }},
}

// Those of a worker that have one more label.
const (
	errorsName     = "sluice_request_errors_total"
	errorsHelp     = "Requests answered with an error code, by who has to do something about it. A failed entry of a batch is not one."
	violationsName = "sluice_violations_total"
	violationsHelp = "Peers that broke the rules of the wire, by where it was seen."
	latencyName    = "sluice_request_duration_seconds"
	latencyHelp    = "From a request's first byte to its reply's last, by class of request. Those that waited for news are left out; upload and download hold the peer's time too."
)

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }
