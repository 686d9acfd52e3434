// Package rooms holds no code: its test keeps the list of who may import whom.
package rooms

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// allowed is the whole list: an arrow that is not here is a wall. It points downwards only, so that each room can
// be read, tested and replaced with what lies below it alone.
var allowed = map[string]string{
	"cmd/fileserver": "parent worker store control cli",
	"cmd/client":     "syncer client bench cli mirror live state reconcile",
	"parent":         "handoff stats control metrics",
	"bench":          "client splice poll hash",
	"bench/cmd":      "bench",
	"control":        "stats ask",
	"worker":         "conn handler web secure store poll splice handoff stats",
	"conn":           "handler proto poll splice stats",
	"web":            "store stats metrics",
	"metrics":        "stats",
	"live":           "mirror watch client state ask",
	"mirror":         "reconcile client state proto hash",
	"reconcile":      "proto",
	"syncer":         "client proto state hash mirror reconcile",
	"handler":        "store proto",
	"client":         "proto splice hash proof delta state mapped",
	"store":          "db hash proof delta mapped",
	"state":          "db",
	"proto":          "", "splice": "", "poll": "", "handoff": "", "secure": "", "stats": "", "db": "", "cli": "", "hash": "", "proof": "", "delta": "", "mapped": "", "watch": "", "ask": "",
	"rooms": "",
}

// homes says which room alone may import an outside library.
var homes = map[string]string{
	"github.com/tidwall/gjson":     "proto",
	"github.com/mattn/go-sqlite3":  "db",
	"github.com/sirupsen/logrus":   "conn worker parent cmd/fileserver cmd/client",
	"github.com/zeebo/blake3":      "hash proof",
	"lukechampine.com/blake3":      "hash",
	"lukechampine.com/blake3/guts": "hash",
	"golang.org/x/crypto/argon2":   "store",
	"github.com/spf13/cobra":       "cmd/fileserver cmd/client",

	"github.com/prometheus/client_golang/prometheus":          "metrics",
	"github.com/prometheus/client_golang/prometheus/promhttp": "web",
	"github.com/prometheus/common/expfmt":                     "metrics",
	"net/http":                                                "web",
	"github.com/pelletier/go-toml/v2":                         "cmd/fileserver cmd/client",
}

func room(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "sluice/"), "internal/")
}

func contains(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

func TestImports(t *testing.T) {
	command := exec.Command("go", "list", "-json=ImportPath,Imports", "sluice/...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		from := room(p.ImportPath)
		list, known := allowed[from]
		if !known && from != "e2e" && from != "torture" {
			t.Errorf("%s is not in the list of rooms", from)
		}
		for _, path := range p.Imports {
			if strings.HasPrefix(path, "sluice/") {
				if !contains(list, room(path)) {
					t.Errorf("%s imports %s, which is not in the list", from, room(path))
				}
				continue
			}
			if home, ok := homes[path]; ok && !contains(home, from) {
				t.Errorf("%s imports %s, whose home is %s", from, path, home)
			}
		}
	}
}
