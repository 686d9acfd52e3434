package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rulesFile are the alert rules that are shipped.
const rulesFile = "../../packaging/prometheus/rules.yml"

// prometheus is a real one that scrapes a server and keeps its alert rules.
type prometheus struct {
	t       *testing.T
	base    string // of its HTTP API
	command *exec.Cmd
	ended   chan struct{}
	log     *logBuffer
}

// watchedBy runs a prometheus that scrapes target once a second, until the end of the test.
func watchedBy(t *testing.T, target string) *prometheus {
	t.Helper()
	program, dir := needs(t, "prometheus", "prometheus"), t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	must(t, os.WriteFile(config, []byte(scrapeConfig(t, target)), 0o644))
	// It takes no port 0, and a port that was free may be taken when it comes to listen.
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		address := free.Addr().String()
		free.Close()
		p := &prometheus{t: t, base: "http://" + address, ended: make(chan struct{}), log: &logBuffer{}}
		p.command = exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
			"--web.listen-address="+address, "--log.level=warn")
		p.command.Stdout, p.command.Stderr = p.log, p.log
		must(t, p.command.Start())
		go func() { p.command.Wait(); close(p.ended) }()
		t.Cleanup(p.end)
		if p.ready() {
			return p
		}
		if !strings.Contains(p.log.String(), "address already in use") {
			break
		}
	}
	t.Fatal("prometheus did not come up")
	return nil
}

// scrapeConfig is what the head of the rules file says to write into prometheus.yml, for this target and this folder.
func scrapeConfig(t *testing.T, target string) string {
	t.Helper()
	raw, err := os.ReadFile(rulesFile)
	must(t, err)
	rules, err := filepath.Abs(rulesFile)
	must(t, err)
	text := "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
	for line := range strings.Lines(string(raw)) {
		if told, ok := strings.CutPrefix(line, "#   "); ok {
			text += told
		}
	}
	for old, now := range map[string]string{"/etc/prometheus/sluice.rules.yml": rules, "127.0.0.1:9440": target} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%s does not tell once where %s goes:\n%s", rulesFile, old, text)
		}
		text = strings.Replace(text, old, now, 1)
	}
	return text
}

// ready waits until it answers; no: it has ended.
func (p *prometheus) ready() (up bool) {
	p.t.Helper()
	within(p.t, 30*time.Second, "prometheus answers, or has ended", func() bool {
		select {
		case <-p.ended:
			return true
		default:
		}
		reply, err := http.Get(p.base + "/-/ready")
		if err != nil {
			return false
		}
		reply.Body.Close()
		up = reply.StatusCode == http.StatusOK
		return up
	})
	return up
}

func (p *prometheus) end() {
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.command.Process.Kill()
		<-p.ended
	}
	if p.t.Failed() {
		p.t.Logf("prometheus' log:\n%s", tail(p.log.String(), 3000))
	}
}

// ask asks the HTTP API and fills to with the answer's data; the error is that of a query.
func (p *prometheus) ask(to any, path string, values url.Values) error {
	p.t.Helper()
	_, text := get(p.t, strings.TrimPrefix(p.base, "http://"), path+"?"+values.Encode())
	var reply struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil {
		p.t.Fatalf("%s: %v\n%s", path, err, text)
	}
	if reply.Status != "success" {
		return fmt.Errorf("%s: %s", reply.Status, reply.Error)
	}
	return json.Unmarshal(reply.Data, to)
}

// query evaluates an expression now: one number for each series.
func (p *prometheus) query(expr string) (found []float64, err error) {
	p.t.Helper()
	var data struct {
		ResultType string
		Result     []struct{ Value [2]any }
	}
	if err := p.ask(&data, "/api/v1/query", url.Values{"query": {expr}}); err != nil {
		return nil, err
	}
	for _, series := range data.Result {
		n, err := strconv.ParseFloat(fmt.Sprint(series.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		found = append(found, n)
	}
	return found, nil
}

// alert is one rule, as prometheus has it.
type alert struct {
	Name, Health, LastError, State string
	Alerts                         []struct{ Labels, Annotations map[string]string }
}

// alerts are all rules by name.
func (p *prometheus) alerts() map[string]alert {
	p.t.Helper()
	var data struct {
		Groups []struct{ Rules []alert }
	}
	must(p.t, p.ask(&data, "/api/v1/rules", nil))
	all := map[string]alert{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			all[r.Name] = r
		}
	}
	return all
}

// until waits for a rule to be in a state, and looks at what it tells then.
func (p *prometheus) until(name string, state ...string) {
	p.t.Helper()
	var r alert
	within(p.t, 20*time.Second, fmt.Sprintf("%s is %q", name, state), func() bool {
		r = p.alerts()[name]
		return slices.Contains(state, r.State)
	})
	for _, a := range r.Alerts {
		text := a.Annotations["summary"] + "\n" + a.Annotations["description"]
		p.t.Logf("%s is %s: %s", name, r.State, text)
		if strings.Contains(text, "<") || strings.Contains(text, "{{") || !strings.Contains(text, a.Labels["instance"]) || a.Labels["instance"] == "" {
			p.t.Errorf("%s of %v tells: %s", name, a.Labels, text)
		}
	}
	if len(r.Alerts) != 1 {
		p.t.Errorf("%s: %d alerts of one server", name, len(r.Alerts))
	}
}
