package metrics

import "sluice/internal/stats"

// forServer are the numbers there is one of.
var forServer = []row[*stats.Page]{
	{counter, "sluice_parent_accepted_connections_total", "Connections taken from all listeners.",
		func(p *stats.Page) float64 { return float64(p.Parent().Accepted.Load()) }},
	{counter, "sluice_parent_refused_connections_total", "Connections closed as they came, because of a limit.",
		func(p *stats.Page) float64 { return float64(p.Parent().Refused.Load()) }},
	{gauge, "sluice_parent_connections", "Connections handed to workers and not reported gone, of all listeners.",
		func(p *stats.Page) float64 { return float64(p.Parent().Connections.Load()) }},
	{gauge, "sluice_parent_unknown_connections", "Connections that have not logged in.",
		func(p *stats.Page) float64 { return float64(p.Parent().Unknown.Load()) }},
	{counter, "sluice_parent_handoff_full_total", "Times a worker's hand-off queue was full.",
		func(p *stats.Page) float64 { return float64(p.Parent().HandoffFull.Load()) }},
	{counter, "sluice_parent_worker_deaths_total", "Workers that ended without being asked to.",
		func(p *stats.Page) float64 { return float64(p.Parent().Deaths.Load()) }},
	{gauge, "sluice_start_time_seconds", "When the server was started, in seconds since 1970.",
		func(p *stats.Page) float64 { return seconds(p.Parent().Started.Load()) }},
	{counter, "sluice_changes_total", "Durable changes of the database, those of commands among them. Goes on over restarts.",
		func(p *stats.Page) float64 { return float64(p.Changes().Load()) }},
	{gauge, "sluice_data_writable", "1: the data folder's file system takes writes.",
		func(p *stats.Page) float64 { return float64(p.Disk().Writable.Load()) }},
	{gauge, "sluice_data_free_bytes", "Bytes the server may still take on the data folder's file system.",
		func(p *stats.Page) float64 { return float64(p.Disk().Free.Load()) }},
	{gauge, "sluice_data_size_bytes", "Size of the data folder's file system.",
		func(p *stats.Page) float64 { return float64(p.Disk().Size.Load()) }},
	{gauge, "sluice_data_least_bytes", "Free bytes below which /readyz says no (the setting least-space).",
		func(p *stats.Page) float64 { return float64(p.Disk().Least.Load()) }},
	{gauge, "sluice_data_free_files", "Files that can still be made on the data folder's file system.",
		func(p *stats.Page) float64 { return float64(p.Disk().Files.Load()) }},
	{gauge, "sluice_database_log_bytes", "Length of the database's write-ahead log.",
		func(p *stats.Page) float64 { return float64(p.Disk().Log.Load()) }},
	{gauge, "sluice_damaged_contents", "Contents whose bytes were found not to be what their hashes say: nothing of them is served.",
		func(p *stats.Page) float64 { return float64(p.Disk().Damaged.Load()) }},
}
