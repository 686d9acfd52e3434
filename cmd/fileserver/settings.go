package main

import (
	"time"

	"sluice/internal/parent"
	"sluice/internal/store"
)

// settings is what flags, environment and configuration file say together.
type settings struct {
	data           string
	listen         []string
	workers        int64
	logLevel       string
	logFormat      string
	plain          string
	maxConnections int64
	maxUnknown     int64
	congestion     string
	idleTimeout    time.Duration
	headerTimeout  time.Duration
	drainLimit     time.Duration
	retireLimit    time.Duration
	leastRate      int64
	metrics        string
	leastSpace     int64
	policy         store.Policy
}

// setting is one row: its name in the file and as a flag, what it means, and how its
// value is read and written.
type setting struct {
	name   string
	value  string // what stands for the value in help
	about  string
	common bool // belongs to every command, not only to serve
	kind   kind
	field  func(*settings) any // *string, *int64, *[]string or *time.Duration
}

// table is every setting, in the order of the printed configuration file.
func table() []setting {
	return []setting{
		{"data", "DIR", "data folder (else $STATE_DIRECTORY, /var/lib/sluice as root, $XDG_STATE_HOME/sluiced)", true, text,
			func(s *settings) any { return &s.data }},
		{"listen", "ADDR", "address to listen on, HOST:PORT; give it again for more", false, list,
			func(s *settings) any { return &s.listen }},
		{"plain", "refuse|allow", "plain TCP to other machines: nothing is encrypted, so only where the network is safe", false, oneOf("refuse", "allow"),
			func(s *settings) any { return &s.plain }},
		{"workers", "N", "worker processes; 0: one a core", false, number(0, 64),
			func(s *settings) any { return &s.workers }},
		{"max-connections", "N", "connections in total; more are closed as they come", false, number(1, 1<<20),
			func(s *settings) any { return &s.maxConnections }},
		{"max-unknown", "N", "of these, from one address (IPv6: from one /64) and not logged in", false, number(1, 1<<20),
			func(s *settings) any { return &s.maxUnknown }},
		{"congestion", "NAME", "congestion control of connections (cubic, bbr, ...); empty: the system's", false, text,
			func(s *settings) any { return &s.congestion }},
		{"idle-timeout", "TIME", "a connection without a request is closed after this", false, duration(time.Second, 24*time.Hour),
			func(s *settings) any { return &s.idleTimeout }},
		{"header-timeout", "TIME", "a request's header must be in within this", false, duration(time.Second, time.Hour),
			func(s *settings) any { return &s.headerTimeout }},
		{"drain-limit", "TIME", "a stopping server lets requests finish for this long", false, duration(time.Second, time.Hour),
			func(s *settings) any { return &s.drainLimit }},
		{"reload-drain-limit", "TIME", "a worker that a reload or an upgrade has replaced lets requests finish for this long", false, duration(time.Second, 7*24*time.Hour),
			func(s *settings) any { return &s.retireLimit }},
		{"least-rate", "BYTES", "a body that flows more slowly, in bytes a second, is given up", false, number(0, 1<<30),
			func(s *settings) any { return &s.leastRate }},
		{"metrics", "ADDR", "loopback address, HOST:PORT, that serves /metrics, /healthz and /readyz; empty: none", false, text,
			func(s *settings) any { return &s.metrics }},
		{"least-space", "BYTES", "with less free space for the data than this, /readyz says no", false, number(0, 1<<60),
			func(s *settings) any { return &s.leastSpace }},
		{"instant", "proof|own|off", "whose contents need not be sent again: anybody's after proving to have the bytes, one's own, nobody's", false, oneOf("proof", "own", "off"),
			func(s *settings) any { return (*string)(&s.policy.Instant) }},
		{"versions", "TIME", "replaced contents stay readable for this long", false, period(time.Minute, 100*365*day),
			func(s *settings) any { return &s.policy.Versions }},
		{"trash", "TIME", "deleted files and folders can be restored for this long", false, period(time.Minute, 100*365*day),
			func(s *settings) any { return &s.policy.Trash }},
		{"partials", "TIME", "an upload that nobody goes on with is kept for this long", false, period(time.Minute, 100*365*day),
			func(s *settings) any { return &s.policy.Partials }},
		{"grace", "TIME", "contents that nothing names any more are removed after this", false, period(time.Second, 365*day),
			func(s *settings) any { return &s.policy.Grace }},
		{"low-space", "BYTES", "with less free space for the data than this, or than a 20th of the disk if that is less, uploads are refused", false, number(1, 1<<60),
			func(s *settings) any { return &s.policy.LowSpace }},
		{"log-level", "LEVEL", "error, warn, info or debug (one line a request)", true, oneOf("error", "warn", "info", "debug"),
			func(s *settings) any { return &s.logLevel }},
		{"log-format", "text|json", "how log lines look", true, oneOf("text", "json"),
			func(s *settings) any { return &s.logFormat }},
	}
}

// defaults is what holds where nothing is said. data stays empty: see dataFolder.
func defaults() settings {
	return settings{
		listen:         []string{"localhost:7440"},
		plain:          "refuse",
		logLevel:       "info",
		logFormat:      "text",
		maxConnections: parent.DefaultMaxConnections,
		maxUnknown:     parent.DefaultMaxUnknown,
		idleTimeout:    5 * time.Minute,
		headerTimeout:  10 * time.Second,
		drainLimit:     parent.DefaultDrainLimit,
		retireLimit:    parent.DefaultRetireLimit,
		leastRate:      1024,
		leastSpace:     512 << 20,
		policy:         store.DefaultPolicy(),
	}
}
