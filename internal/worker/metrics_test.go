package worker

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"sluice/internal/handoff"
)

// ask gets a path over a connection of the metrics listener.
func ask(t *testing.T, c net.Conn, path string) (status int, text string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(b)
}

// The tag says who serves a connection; both kinds are reported gone, and both are drained.
func TestTags(t *testing.T) {
	p := start(t, nil)
	native := p.connect(1)
	ping(t, native)
	web := p.connectTo(handoff.Metrics, 2)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, text := ask(t, web, path); status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if n := p.page.Slot(0).Connections.Load(); n != 1 {
		t.Errorf("%d native connections, want 1", n)
	}
	p.connectTo(handoff.Metrics, 3).Close()
	p.hear(handoff.Gone, 3)
	strange := p.connectTo(77, 4)
	ended(t, strange)
	p.hear(handoff.Gone, 4)

	p.send(handoff.Message{Kind: handoff.Drain, Value: 5000}, -1)
	ended(t, native)
	ended(t, web)
	p.hear(handoff.Gone, 1)
	p.hear(handoff.Gone, 2)
	p.ends(4 * time.Second)
}

// A peer of the metrics listener that says nothing does not outlive the drain's limit.
func TestSilentScraperIsDrained(t *testing.T) {
	p := start(t, nil)
	web := p.connectTo(handoff.Metrics, 1)
	if _, err := io.WriteString(web, "GET /met"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	p.send(handoff.Message{Kind: handoff.Drain, Value: 150}, -1)
	ended(t, web)
	p.hear(handoff.Gone, 1)
	p.ends(4 * time.Second)
}

// The watch looks at disk and process while the loop turns.
func TestWatch(t *testing.T) {
	p := start(t, func(c *Config) { c.LeastSpace = 1 << 60 })
	slot, disk := p.page.Slot(0), p.page.Disk()
	for deadline := time.Now().Add(5 * time.Second); slot.Descriptors.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was looked at")
		}
	}
	if slot.Resident.Load() < 1<<20 || slot.CPU.Load() == 0 || slot.Writes.Load() == 0 || slot.ReadOnly.Load() != 0 {
		t.Errorf("process: %d bytes resident, %d ns, %d writes, read-only %d",
			slot.Resident.Load(), slot.CPU.Load(), slot.Writes.Load(), slot.ReadOnly.Load())
	}
	if disk.Free.Load() <= 0 || disk.Size.Load() < disk.Free.Load() || disk.Log.Load() <= 0 || disk.Least.Load() != 1<<60 {
		t.Errorf("disk: %d of %d free, log %d, least %d", disk.Free.Load(), disk.Size.Load(), disk.Log.Load(), disk.Least.Load())
	}
	if status, _ := ask(t, p.connectTo(handoff.Metrics, 1), "/readyz"); status != 503 {
		t.Errorf("with less free than wanted: %d", status)
	}
}
