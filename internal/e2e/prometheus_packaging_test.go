package e2e

import (
	"encoding/json"
	"math"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Prometheus' own tool takes the rules, finds them to do what rules_test.yml says, and has nothing to say of the counters.
func TestPromtool(t *testing.T) {
	tool := needs(t, "promtool", "prometheus")
	s := start(t, t.TempDir(), "--metrics", "127.0.0.1:0")
	s.answers()
	status, text := get(t, s.metricsAddress(), "/metrics")
	if status != 200 {
		t.Fatalf("/metrics: %d %s", status, text)
	}
	for _, args := range [][]string{
		{"check", "rules", rulesFile},
		{"test", "rules", strings.TrimSuffix(rulesFile, ".yml") + "_test.yml"},
		{"check", "metrics"},
	} {
		c := exec.Command(tool, args...)
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// panel is what a dashboard asks, with its variables as Grafana fills them in.
type panel struct{ title, expr string }

// panels are all queries of the dashboard, and the one by which it marks starts. What Grafana itself makes of the file is
// not tested: Debian has no package of it.
func panels(t *testing.T) (all []panel, starts string) {
	t.Helper()
	raw, err := os.ReadFile("../../packaging/grafana/sluice.json")
	must(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	must(t, json.Unmarshal(raw, &board))
	// Grafana's interval of a rate is four scrapes at least; 5 s, as a load of a few seconds is looked at.
	fill := strings.NewReplacer("$__rate_interval", "5s", "$job", ".*", "$instance", ".*").Replace
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all = append(all, panel{p.Title, fill(target.Expr)})
		}
	}
	if len(all) < 40 || len(board.Annotations.List) != 1 {
		t.Fatalf("%d queries, %d annotations", len(all), len(board.Annotations.List))
	}
	return all, fill(board.Annotations.List[0].Expr)
}

// quiet are the panels that show nothing while all is well: they draw only what is above 0.
var quiet = []string{"Errors by reason", "Violations by kind"}

// healthy is what some panels show while two workers serve the load.
var healthy = map[string]struct{ least, most float64 }{
	"Workers ready": {2, 2}, "Disk and store": {0, 0}, "Free space": {1e-6, 1}, "Clients": {1, 100}, "Our own faults": {0, 0},
	"Writes a commit": {1, 1000}, "Damaged contents": {0, 0}, "Deaths, restarts, hangs, panics": {0, 0},
}

// A real Prometheus loads the rules and scrapes a server at work: no alert is out, and each panel of the dashboard shows
// something. Then things happen to the server, and it tells.
func TestPrometheus(t *testing.T) {
	v := startService(t, "workers = 2\nmetrics = '127.0.0.1:0'\nleast-space = 0")
	target := v.metricsAddress()
	p := watchedBy(t, target)
	l := startLoad(&v.server)
	shown, starts := panels(t)
	missing := map[panel][]float64{}
	for _, q := range shown {
		if !slices.Contains(quiet, q.title) {
			missing[q] = nil
		}
	}
	for deadline := time.Now().Add(20 * time.Second); len(missing) > 0 && time.Now().Before(deadline); {
		v.answers() // new sessions: the load's are old ones
		time.Sleep(200 * time.Millisecond)
		for q := range missing {
			found, err := p.query(q.expr)
			if err != nil {
				t.Fatalf("%s: %v\n%s", q.title, err, q.expr)
			}
			if missing[q] = found; len(found) > 0 && !slices.ContainsFunc(found, math.IsNaN) {
				delete(missing, q)
			}
		}
	}
	for q, found := range missing {
		t.Errorf("%s shows %v: %s", q.title, found, q.expr)
	}
	for _, q := range shown {
		found, err := p.query(q.expr)
		if err != nil {
			t.Fatalf("%s: %v\n%s", q.title, err, q.expr)
		}
		if want, told := healthy[q.title]; told && (len(found) != 1 || found[0] < want.least || found[0] > want.most) {
			t.Errorf("%s shows %v, want %v: %s", q.title, found, want, q.expr)
		}
	}
	l.stop()

	rules := p.alerts()
	if len(rules) < 10 {
		t.Fatalf("%d rules", len(rules))
	}
	for name, r := range rules {
		// Whether the disk fills is the machine's matter, and what others write to it.
		if r.Health != "ok" || r.LastError != "" || r.State != "inactive" && name != "SluiceDiskFillsSoon" {
			t.Errorf("%s of a healthy server: %+v", name, r)
		}
	}
	for label, want := range map[string]string{"job": "sluice", "instance": target} { // the dashboard's variables
		var values []string
		must(t, p.ask(&values, "/api/v1/label/"+label+"/values", url.Values{"match[]": {"sluice_build_info"}}))
		if !slices.Equal(values, []string{want}) {
			t.Errorf("%s may be %v, want %s", label, values, want)
		}
	}

	st, err := v.state()
	must(t, err)
	must(t, syscall.Kill(st.Workers[0].Pid, syscall.SIGKILL))
	p.until("SluiceWorkersDie", "firing")
	pid := v.command.Process.Pid
	v.configure("workers = 2\nmetrics = '127.0.0.1:0'\nleast-space = 1000000000000000000")
	v.done("upgrade")
	v.upgraded(pid)
	p.until("SluiceDiskLow", "pending")
	within(t, 20*time.Second, "the start after an upgrade is shown", func() bool {
		found, err := p.query(starts)
		must(t, err)
		return len(found) == 1
	})
	v.end()
	p.until("SluiceDown", "pending")
	for name, r := range p.alerts() {
		if r.Health != "ok" {
			t.Errorf("%s of a server that is down: %s %s", name, r.Health, r.LastError)
		}
	}
}
