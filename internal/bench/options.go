package bench

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// options of a whole run.
type options struct {
	out        string // where the results go
	bin        string // where sluiced and sluice are
	work       string // where everything else goes; removed at the end
	tree       string // the folder to push
	congestion string // empty: what the system has
	only       *regexp.Regexp
	size       int64 // of the large file
	fetch      int64 // of a run that discards: a single GiB is over within the time a core needs to wake
	rounds     int
	rate       time.Duration // of one run that counts requests
	workers    int           // of servers; also the loops of the echo
	idle       int           // connections of the idle stage
	wait       time.Duration // that they do nothing for
	probe      time.Duration // of a run that times each stat
	names      []int         // sizes of the account that names are looked up in
	doomed     int           // contents that are collected
	watched    int           // files in a folder that two devices watch
	quick      bool
	hasty      bool // runs follow each other at once: figures mean nothing, as in tests of the harness itself
}

const gib = 1 << 30

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{
		workers: runtime.NumCPU(), fetch: 4 * gib, wait: 10 * time.Second, probe: 4 * time.Second, names: []int{10_000, 100_000, 1_000_000},
		doomed: 100_000, watched: 100_000,
	}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&o.out, "out", "bench-out", "folder for the results")
	set.StringVar(&o.bin, "bin", "bin", "folder with sluiced and sluice")
	set.StringVar(&o.work, "work", "", "folder for data, on the disk to be measured (default: work in the results)")
	set.StringVar(&o.tree, "tree", "", "folder to push (default: the Go source tree)")
	set.StringVar(&o.congestion, "congestion", os.Getenv("CONGESTION"), "TCP congestion control (default: the system's)")
	set.Int64Var(&o.size, "size", gib, "bytes of the large file")
	set.IntVar(&o.rounds, "rounds", 5, "rounds to take the medians of")
	set.DurationVar(&o.rate, "rate", 2*time.Second, "length of a run that counts requests")
	set.IntVar(&o.idle, "idle", 10_000, "connections that do nothing, as far as the limit of open files allows")
	only := set.String("only", "", "workloads to run, a regular expression")
	set.BoolVar(&o.quick, "quick", false, "a quarter of the bytes, three rounds, short rates, not the most names, fewer contents to collect, fewer files to watch")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	if o.quick {
		o.size, o.rounds, o.rate = min(o.size, gib/4), min(o.rounds, 3), min(o.rate, 500*time.Millisecond)
		o.wait, o.probe, o.names, o.doomed, o.watched = 5*time.Second, 2*time.Second, o.names[:2], 20_000, 10_000
	}
	if o.size < 64<<20 || o.rounds < 1 || o.rate <= 0 || o.idle < 1 {
		return nil, fmt.Errorf("at least 64 MiB, one round, one connection and a time above zero, please")
	}
	if o.work == "" {
		o.work = filepath.Join(o.out, "work")
	}
	if o.tree == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return nil, fmt.Errorf("find the Go source tree: %w", err)
		}
		o.tree = filepath.Join(strings.TrimSpace(string(root)), "src")
	}
	for _, path := range []*string{&o.out, &o.bin, &o.work, &o.tree} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// systemCongestion is the congestion control new sockets have.
func systemCongestion() string {
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
