package torture

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMutants is D4: a server that lacks one thing that durability or integrity hangs on must be found out by these very
// tests; a test that passes with such a server proves nothing with the right one. With nothing left out the same build passes.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		without string   // what the mutant leaves out; empty: nothing
		run     string   // the test
		says    []string // one of these is in what it prints; none: it passes
		long    bool     // in the long round only
	}{
		{without: "", run: "^(TestOrder|TestOrderOfStore|TestWrongBytes)$"},
		{without: "", run: "^TestPowerCut$/^ext4$", long: true},
		{without: "fdatasync", run: "^TestPowerCut$/^ext4$", says: lossWords},
		{without: "fdatasync", run: "^TestPowerCut$/^xfs$", says: lossWords, long: true},
		{without: "fdatasync", run: "^TestOrder$", says: []string{"before the bytes of"}},
		{without: "directory", run: "^TestOrder$", says: []string{"before the name"}},
		{without: "full", run: "^TestPowerCut$/^xfs$", says: lossWords},
		{without: "full", run: "^TestPowerCut$/^ext4$", says: lossWords, long: true},
		{without: "full", run: "^TestOrder$", says: []string{"no commit was seen", "before the commit is synced"}},
		{without: "hash", run: "^TestWrongBytes$", says: []string{"is not refused", "a wrong chunk", "is held under"}},
		{without: "hash of a chunk", run: "^TestWrongBytes$", says: []string{"a wrong chunk of"}, long: true},
		{without: "hash of an assembled chunk", run: "^TestWrongBytes$", says: []string{"a wrong chunk put together is not refused"}},
		{without: "hash of a seal", run: "^TestWrongBytes$", says: []string{"a wrong content of two chunks is sealed"}},
		{without: "hash of a copy", run: "^TestBitRotByWay$", says: []string{"a content that has rotted was moved"}, long: true},
		{without: "proof", run: "^TestWrongBytes$", says: []string{"a wrong proof is taken"}},
		{without: "fdatasync of an upload", run: "^TestOrderOfStore$", says: []string{"upload-assemble: the commit is synced before the bytes of objects"}},
		{without: "fdatasync of a segment", run: "^TestOrderOfStore$", says: []string{"gc of a segment: the commit is synced before the bytes of segments"}, long: true},
		{without: "directory", run: "^TestOrderOfStore$", says: []string{"gc of a segment: the commit is synced before the end of"}, long: true},
		{without: "full", run: "^TestOrderOfStore$", says: []string{"restore from the trash: the reply comes before the commit is synced"}, long: true},
	} {
		name := test.without
		if name == "" {
			name = "nothing"
		}
		t.Run("without "+name+" "+strings.Trim(test.run, "^$"), func(t *testing.T) {
			r := begin(t)
			if test.long && !r.long {
				t.Skip("only in the long round")
			}
			if strings.Contains(test.run, "Cut") {
				r.needDisk("ext4")
				r.needDisk("xfs")
			} else {
				r.needTap()
			}
			c := exec.Command(os.Args[0], "-test.run", test.run, "-test.v", "-test.timeout", "120s")
			c.Env = append(os.Environ(), programVariable+"="+program(t, "mutant"), "SLUICE_MUTANT="+test.without, longVariable+"=", seedVariable+"=")
			out, err := c.CombinedOutput()
			var failed *exec.ExitError
			if err != nil && !errors.As(err, &failed) {
				t.Fatal(err)
			}
			text := string(out)
			found := ""
			for _, line := range strings.Split(text, "\n") {
				for _, words := range test.says {
					if found == "" && strings.Contains(line, words) {
						found = strings.TrimSpace(line)
					}
				}
			}
			switch {
			case len(test.says) == 0 && err != nil:
				t.Errorf("with nothing left out the test fails:\n%s", text)
			case len(test.says) > 0 && err == nil:
				t.Errorf("nobody noticed:\n%s", text)
			case len(test.says) > 0 && found == "":
				t.Errorf("the test fails, but for another reason:\n%s", text)
			case len(test.says) > 0:
				t.Log(found)
			}
		})
	}
}

// lossWords are what the tests say of what was lost or is wrong.
var lossWords = []string{"is lost", "are not those of its hash", "is not there", "cannot be read", "was seen", "bytes of", "damaged", "stands (version",
	"was refused", "integrity_check", "wrong name, password or token", "is neither what it was"}
