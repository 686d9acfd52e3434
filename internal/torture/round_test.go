package torture

import (
	crypto "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// round is one run of one test: its seed, whether it is the long one, and where its files lie.
type round struct {
	*testing.T
	seed  uint64
	long  bool
	share float64 // of a long round's size; below 1 its totals are not looked at
	dir   string  // of this round, outside of every disk that is tortured
	told  bool    // the end of the server's log was shown
	only  string  // the one case that failed, for caseVariable; empty: the round has no cases, or none failed
}

const (
	seedVariable = "SLUICE_TORTURE_SEED"
	longVariable = "SLUICE_TORTURE"      // 1, or the share of a long round that there is time for
	caseVariable = "SLUICE_TORTURE_CASE" // one case of a round that has cases, as it is named when it fails; -count repeats it
)

// begin begins a round. The seed decides what is drawn by random; how processes are scheduled it cannot decide, so a
// repeated round is alike and not the same.
func begin(t *testing.T) *round {
	t.Helper()
	r := &round{T: t, long: os.Getenv(longVariable) != "", share: 1}
	if share, err := strconv.ParseFloat(os.Getenv(longVariable), 64); err == nil && share > 0 {
		r.share = share
	}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		r.seed = seed
	} else {
		var b [4]byte // short enough to be typed
		crypto.Read(b[:])
		r.seed = uint64(binary.NativeEndian.Uint32(b[:]))
	}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	r.dir = filepath.Join(folder, name)
	r.must(os.MkdirAll(r.dir, 0o755))
	t.Logf("seed %d", r.seed)
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(r.dir)
			return
		}
		long := ""
		if r.long {
			long = fmt.Sprintf("%s=%v ", longVariable, r.share)
		}
		again := func(what, set string) {
			t.Logf("%s with: %s%s=%d go test -tags '%s' -count=1 -v -run '^%s$' ./internal/torture/",
				what, set, seedVariable, r.seed, tags, strings.ReplaceAll(t.Name(), "/", "$/^"))
		}
		again("repeat", long)
		if r.only != "" {
			again("repeat this case alone", fmt.Sprintf("%s='%s' ", caseVariable, strings.ReplaceAll(r.only, "'", `'\''`)))
		}
	})
	return r
}

// random gives a source of its own to each part of a round, so that one part's draws do not move another's.
func (r *round) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, part)) }

// pick is the size of a short or of a long round.
func (r *round) pick(short, long int) int {
	if r.long {
		return max(short, int(float64(long)*r.share))
	}
	return short
}

func (r *round) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// path is a file of this round, outside of the victim.
func (r *round) path(format string, args ...any) string {
	return filepath.Join(r.dir, fmt.Sprintf(format, args...))
}

// problems tells what a check found, and stops the round: what comes later would only repeat it.
func (r *round) problems(when string, all []string) {
	r.Helper()
	if len(all) == 0 {
		return
	}
	for i, p := range all {
		if i == 20 {
			r.Errorf("%s: and %d more", when, len(all)-i)
			break
		}
		r.Errorf("%s: %s", when, p)
	}
	r.FailNow()
}
