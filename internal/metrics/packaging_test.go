package metrics

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"sluice/internal/stats"
)

// names is what may stand in a query: each family, a histogram as its three series.
func names(families map[string]*dto.MetricFamily) map[string]bool {
	all := map[string]bool{}
	for name, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			all[name] = true
			continue
		}
		for _, series := range []string{"_bucket", "_sum", "_count"} {
			all[name+series] = true
		}
	}
	return all
}

func exposition(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	text, err := Text(page(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

var (
	metricName = regexp.MustCompile(`\bsluice_\w+`)
	matcher    = regexp.MustCompile(`(\w+)\s*(?:=~|=|!=|!~)\s*"([^"]*)"`)
	grouping   = regexp.MustCompile(`\b(?:by|without) \(([^)]*)\)`)
)

// labels a server's metrics have, with the values they may have; nil: any. job and instance are Prometheus' own.
var labels = map[string][]string{
	"job": nil, "instance": nil, "worker": nil, "le": nil, "version": nil,
	"reason": stats.Reasons[:], "kind": stats.Kinds[:], "class": stats.Classes[:],
}

// checkQuery holds a query against the exposition and gives the metrics it names.
func checkQuery(t *testing.T, where, query string, known map[string]bool) []string {
	t.Helper()
	found := metricName.FindAllString(query, -1)
	for _, name := range found {
		if !known[name] {
			t.Errorf("%s: no metric %s in %s", where, name, query)
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(query, -1) {
		values, ok := labels[m[1]]
		if !ok {
			t.Errorf("%s: no label %s in %s", where, m[1], query)
		}
		if values == nil {
			continue
		}
		for v := range strings.SplitSeq(m[2], "|") {
			if !slices.Contains(values, v) {
				t.Errorf("%s: %s is never %q in %s", where, m[1], v, query)
			}
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(m[1], ", ") {
			if _, ok := labels[label]; !ok {
				t.Errorf("%s: no label %s in %s", where, label, query)
			}
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(query, pair[:1]) != strings.Count(query, pair[1:]) {
			t.Errorf("%s: %s do not match in %s", where, pair, query)
		}
	}
	if strings.Count(query, `"`)%2 != 0 {
		t.Errorf("%s: quotes do not match in %s", where, query)
	}
	return found
}

// The dashboard is JSON, asks for nothing that is not there, and leaves nothing out that is.
func TestDashboard(t *testing.T) {
	raw, err := os.ReadFile("../../packaging/grafana/sluice.json")
	if err != nil {
		t.Fatal(err)
	}
	type source struct{ Type, UID string }
	type target struct {
		Datasource source
		RefID      string
		Expr       string
	}
	type variable struct {
		Name, Type string
		Datasource source
		Query      any
	}
	var board struct {
		ID            any
		Title, UID    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			Description string
			Datasource  source
			Targets     []target
			GridPos     struct{ X, Y, W, H int }
		}
		Annotations struct{ List []target }
		Templating  struct{ List []variable }
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	// A number of its own would be taken for a dashboard that is there. 36 is the first form that names a source by type and uid.
	if board.Title != "Sluice" || board.UID == "" || board.ID != nil || board.SchemaVersion < 36 || len(board.Panels) < 10 {
		t.Errorf("%q %q %v of form %d with %d panels", board.Title, board.UID, board.ID, board.SchemaVersion, len(board.Panels))
	}
	// The source is a variable: it is chosen on the dashboard, and the file names nobody's Prometheus.
	chosen := source{"prometheus", "${datasource}"}
	for i, v := range board.Templating.List {
		if first := i == 0; first != (v.Name == "datasource") || first && (v.Type != "datasource" || v.Query != "prometheus") || !first && v.Datasource != chosen {
			t.Errorf("variable %+v", v)
		}
	}
	type cell struct{ x, y int }
	taken := map[cell]string{}
	families := exposition(t)
	known, shown, ids := names(families), map[string]bool{}, map[int]bool{}
	row := -1
	for _, p := range board.Panels {
		if ids[p.ID] || p.ID < 1 {
			t.Errorf("%s: number %d is taken, or none", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.Y < row {
			t.Errorf("%s: at %+v", p.Title, p.GridPos)
		}
		row = p.GridPos.Y
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := cell{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("%s lies on %s", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 || p.Datasource != chosen {
			t.Errorf("panel %d: title %q, description %q, %d queries", p.ID, p.Title, p.Description, len(p.Targets))
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.RefID == "" || q.Datasource != chosen {
				t.Errorf("%s: query %q of %v", p.Title, q.RefID, q.Datasource)
			}
			refs[q.RefID] = true
			for _, name := range checkQuery(t, p.Title, q.Expr, known) {
				shown[name] = true
			}
		}
	}
	for _, a := range board.Annotations.List {
		if a.Datasource != chosen {
			t.Errorf("annotation of %v", a.Datasource)
		}
		checkQuery(t, "annotation", a.Expr, known)
	}
	for name := range known {
		if !shown[name] && name != "sluice_build_info" && name != "sluice_accepted_connections_total" && name != "sluice_changes_total" {
			t.Errorf("%s is in no panel", name)
		}
	}
	for _, v := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(raw), -1) {
		name := v[1]
		if !strings.HasPrefix(name, "__") && !slices.ContainsFunc(board.Templating.List, func(v variable) bool { return v.Name == name }) {
			t.Errorf("no variable %s", name)
		}
	}
}

// The alert rules are YAML of Prometheus' shape and ask for nothing that is not there.
func TestRules(t *testing.T) {
	path := "../../packaging/prometheus/rules.yml"
	raw, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert       string
				Expr        string
				For         string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(raw)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	known := names(exposition(t))
	alerts := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if !strings.HasPrefix(r.Alert, "Sluice") || alerts[r.Alert] {
				t.Errorf("alert %q", r.Alert)
			}
			alerts[r.Alert] = true
			if len(checkQuery(t, r.Alert, r.Expr, known)) == 0 && !strings.HasPrefix(r.Expr, "up{") {
				t.Errorf("%s asks for nothing of ours: %s", r.Alert, r.Expr)
			}
			if !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
				t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: says nothing", r.Alert)
			}
		}
	}
	if len(alerts) < 10 {
		t.Errorf("%d alerts", len(alerts))
	}
}

// What the manual names is there, and what is there is in the manual.
func TestManual(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("../../docs", "OPERATIONS.md"))
	if err != nil {
		t.Fatal(err)
	}
	families := exposition(t)
	known, told := names(families), map[string]bool{}
	for _, name := range metricName.FindAllString(string(raw), -1) {
		told[name] = true
		if !known[name] && families[name] == nil {
			t.Errorf("docs/OPERATIONS.md names %s, which is not there", name)
		}
	}
	for name := range families {
		if !told[name] {
			t.Errorf("docs/OPERATIONS.md does not name %s", name)
		}
	}
}
