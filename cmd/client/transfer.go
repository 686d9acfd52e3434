package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"sluice/internal/client"
	"sluice/internal/reconcile"
	"sluice/internal/syncer"
)

// transferFlags are common to push and pull.
type transferFlags struct {
	filter    syncer.Filter
	delete    bool
	maxDelete string
	checksum  bool
	dry       bool
}

// patternFlag adds to a filter in the order of the command line, as the last pattern that matches decides.
type patternFlag struct {
	add  func(string) error
	kind string
}

func (f patternFlag) String() string         { return "" }
func (f patternFlag) Set(value string) error { return f.add(value) }
func (f patternFlag) Type() string           { return f.kind }

func (t *transferFlags) add(f *pflag.FlagSet) {
	f.SortFlags = false
	filterFlags(f, &t.filter)
	f.BoolVar(&t.delete, "delete", false, "remove from the target what the source does not hold")
	f.StringVar(&t.maxDelete, "max-delete", "", "stop before removing more than `N` files, or P% of the target's")
	f.BoolVar(&t.checksum, "checksum", false, "compare contents, not size and time")
	dryRun(f, &t.dry)
}

// filterFlags are those that say what is left alone.
func filterFlags(f *pflag.FlagSet, to *syncer.Filter) {
	f.Var(patternFlag{func(s string) error { to.Add(s); return nil }, "PATTERN"}, "exclude",
		"leave alone what matches, by gitignore's rules; may be repeated")
	f.Var(patternFlag{func(s string) error { to.Include(s); return nil }, "PATTERN"}, "include",
		"but not this; the last pattern that matches decides")
	f.Var(patternFlag{func(path string) error {
		text, err := readPatterns(path)
		for line := range strings.Lines(text) {
			to.Add(line)
		}
		return err
	}, "FILE"}, "exclude-from", "patterns from a file, as in a .gitignore")
}

// transfer is what push and pull share.
type transfer struct {
	p      *program
	flags  *transferFlags
	dir    string
	path   remotePath
	server *server

	records  *syncer.Records
	hashes   syncer.Hashes
	progress syncer.Progress
	run      *syncer.Run
}

// begin connects and gathers what the syncer is told.
func (t *transfer) begin(ctx context.Context) (syncer.Common, error) {
	p := t.p
	limit, err := reconcile.ParseLimit(t.flags.maxDelete)
	if err != nil {
		return syncer.Common{}, usagef("--max-delete: %v", err)
	}
	if t.server, err = p.connect(ctx, t.path.remote); err != nil {
		return syncer.Common{}, err
	}
	p.gentle.Store(true)
	c := syncer.Common{
		Server: t.server.Remote, Dir: t.dir, Path: t.path.names, Filter: &t.flags.filter, Delete: t.flags.delete,
		MaxDelete: limit, Sure: p.flags.yes, Checksum: t.flags.checksum, DryRun: t.flags.dry, Progress: &t.progress, Stop: p.stop,
	}
	if !t.flags.dry {
		t.run = p.beginRun(t.server.name, &t.progress)
		c.Run = t.run
	}
	if dir, err := p.cacheFolder(); err == nil { // without one, nothing is remembered
		c.Listings = syncer.Listings(filepath.Join(dir, "listings"))
		t.hashes.Dir = filepath.Join(dir, "hashes")
	}
	if p.flags.json || p.flags.verbose || t.flags.dry {
		c.Events = p.event
	}
	return c, nil
}

// openRecords opens what is remembered of the folder. Without it all works, slower.
func (t *transfer) openRecords() {
	dir, err := t.p.stateFolder()
	if err == nil {
		t.records, err = syncer.OpenRecords(filepath.Join(dir, "state.db"), t.server.name, t.server.Hello().Server, t.dir)
	}
	if err != nil {
		fmt.Fprintf(t.p.stderr, "sluice: nothing is remembered between runs: %s\n", visible(err.Error()))
	}
}

func (t *transfer) close() {
	if t.records != nil {
		if err := t.records.Close(); err != nil {
			fmt.Fprintf(t.p.stderr, "sluice: close the state: %s\n", visible(err.Error()))
		}
	}
	t.server.close()
}

// hashFirstFlag is common to push and put.
func hashFirstFlag(f *pflag.FlagSet, to *bool) {
	f.BoolVar(to, "hash-first", false, "read a large file whole before it is sent, and send nothing of what the server has")
}

// sides sorts the two arguments of push and pull and says what is wrong if they are the wrong way round.
func sides(command string, local, place string) (dir string, path remotePath, err error) {
	if isRemote(local) && !isRemote(place) {
		return "", remotePath{}, usagef("the other way round: sluice %s", map[string]string{
			"push": visible("push " + place + " " + local), "pull": visible("pull " + local + " " + place),
		}[command])
	}
	path, err = parseRemotePath(place)
	if local == "" && err == nil {
		err = usagef("the local folder is empty: write . for the current one")
	}
	return local, path, err
}

// exit tells problems and the closing line, and gives the error the run ends with.
func (t *transfer) exit(verb string, totals *syncer.Totals, err error) error {
	t.run.End(err)
	p := t.p
	for _, problem := range totals.Problems {
		if !p.flags.json {
			fmt.Fprintf(p.stderr, "sluice: %s: %s\n", visible(problem.Path), visible(problem.Reason))
		}
	}
	code := client.ExitCode(err)
	if p.flags.json {
		if e := p.printTotals(verb, totals, t.flags.dry, code); err == nil {
			err = e
		}
		return err
	}
	var stopped bool
	switch code {
	case client.ExitDone, client.ExitConflicts, client.ExitSomeFailed:
	default:
		stopped = true
	}
	if !stopped || totals.Sent+totals.Instant > 0 {
		p.say("%s", closingLine(verb, totals, t.flags.dry))
	}
	return err
}
