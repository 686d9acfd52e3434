package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sluice/internal/client"
)

// Remote measures a running server as any user may, through the protocol alone. It works in a folder of its own, which it
// removes at the end, also when it is interrupted.
type Remote struct {
	Dial   func(ctx context.Context, connections int) (*client.Remote, error) // logged in; 0: the usual number
	Parent int64                                                              // folder that the own one is made in
	Plan   Plan
	Watch  *Watch // may be nil
}

// Plan says how much is done.
type Plan struct {
	Space int64         // bytes sent in all; the server charges them until it frees what was never named
	Long  time.Duration // a transfer that takes this long tells enough
	Each  time.Duration // of every kind of small request
	Many  int           // connections at once
}

// FullPlan takes some 15 s on a fast network, QuickPlan 3 s.
func FullPlan() Plan {
	return Plan{Space: 240 << 20, Long: time.Second, Each: 2 * time.Second, Many: 32}
}
func QuickPlan() Plan {
	return Plan{Space: 48 << 20, Long: time.Second, Each: 300 * time.Millisecond, Many: 8}
}

// RemoteReport is what was found; its JSON is what the command prints.
type RemoteReport struct {
	Server      string     `json:"server"`
	Agent       string     `json:"agent"`
	Connections int        `json:"connections"` // of transfers
	Up          Transfer   `json:"up"`
	Down        Transfer   `json:"down"`
	Open        Opening    `json:"open"`
	Requests    []Requests `json:"requests"`
	Held        int64      `json:"held"` // bytes that stay charged until the server frees unnamed uploads
}

// Transfer is one large content on its way.
type Transfer struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"bytes_per_second"`
	CPU     float64 `json:"client_cpu_seconds"`
}

// Opening is many connections coming at once, each with its log-in by token.
type Opening struct {
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds"`
}

// Requests are small ones of one kind, one after another on each connection.
type Requests struct {
	Name        string  `json:"name"`
	Connections int     `json:"connections"`
	Count       int     `json:"count"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"per_second"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p99_9_us"`
	CPU         float64 `json:"client_cpu_us"` // of one request
}

// Watch is how far a measurement is, for whoever shows it.
type Watch struct {
	step  atomic.Pointer[string]
	share atomic.Int64 // thousandths
}

// Now is the step under way and its share that is done.
func (w *Watch) Now() (step string, share float64) {
	if s := w.step.Load(); s != nil {
		step = *s
	}
	return step, float64(w.share.Load()) / 1000
}

func (w *Watch) begin(step string) {
	if w != nil {
		w.step.Store(&step)
		w.share.Store(0)
	}
}

func (w *Watch) done(part, of int64) {
	if w != nil && of > 0 {
		w.share.Store(min(1000*part/of, 1000))
	}
}

// NoRoomError says that the account has not the room that a measurement needs.
type NoRoomError struct{ Need, Left int64 }

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("measuring needs %d MiB of the account's space for a day, and %d MiB are left", e.Need>>20, max(e.Left, 0)>>20)
}

// ExitCode is that of a quota.
func (e *NoRoomError) ExitCode() int { return client.ExitSpace }

// lastWords is how long the own folder may take to go after an interrupt.
const lastWords = 10 * time.Second

// Run measures.
func (m *Remote) Run(ctx context.Context) (_ *RemoteReport, err error) {
	m.Watch.begin("looking")
	remote, err := m.Dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer remote.Close()
	quota, err := remote.Quota(ctx)
	if err != nil {
		return nil, err
	}
	if left := quota.Limit - quota.Used - quota.Held; quota.Limit > 0 && left < m.Plan.Space+smallTotal {
		return nil, &NoRoomError{Need: m.Plan.Space + smallTotal, Left: left}
	}
	var unique [6]byte
	rand.Read(unique[:])
	nodes, err := commitAll(ctx, remote, []client.Change{folderChange(m.Parent, fmt.Sprintf("sluice-bench-%x", unique))})
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() {
		m.Watch.begin("cleaning up")
		// Also after an interrupt: what was made is removed.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		_, failed := commitAll(ctx, remote, []client.Change{{
			Op: client.OpDelete, Node: nodes[0], Expect: client.ExpectAny, Recursive: true,
		}})
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("the folder sluice-bench-%x was not removed: %w", unique, failed))
		}
	}()
	hello := remote.Hello()
	report := &RemoteReport{Server: hello.Server, Agent: hello.Agent, Connections: remote.Connections()}
	if err := m.transfers(ctx, remote, report); err != nil {
		return nil, err
	}
	if err := m.requests(ctx, remote, nodes[0], report); err != nil {
		return nil, err
	}
	after, err := remote.Quota(ctx)
	if err != nil {
		return nil, err
	}
	report.Held = max(after.Held-quota.Held, 0)
	return report, nil
}
