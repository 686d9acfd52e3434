package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Main is the command: the harness, or with the name of one of its programs as first argument that program. It returns the
// exit code.
func Main(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && programs[arguments[0]] != nil {
		return runProgram(arguments[0], stdin, stdout, stderr)
	}
	o, err := parseOptions(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	how, code, err := o.enterNamespace(ctx, arguments, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if code >= 0 {
		return code
	}
	if err := measureAll(ctx, o, how, stdout, stderr); err != nil {
		if ctx.Err() != nil {
			return 130
		}
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// measureAll runs the stages and writes the results. What an interrupted run has measured is written too.
func measureAll(ctx context.Context, o *options, congestion string, stdout, stderr io.Writer) error {
	for _, name := range []string{"sluiced", "sluice"} {
		if _, err := os.Stat(filepath.Join(o.bin, name)); err != nil {
			return fmt.Errorf("%w: run make build first", err)
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	work, err := newFolders(o.work)
	if err != nil {
		return err
	}
	defer os.RemoveAll(o.work)
	h := &harness{
		options: o, folders: work, source: filepath.Join(o.work, "large"), log: stderr,
		results: make(map[string]map[string]series), order: make(map[string][]string),
	}
	fmt.Fprintf(stderr, "%d rounds, %d MiB, congestion control %s\n", o.rounds, o.size>>20, congestion)
	if err := makeFile(h.source, o.size); err != nil {
		return err
	}
	begin := time.Now()
	all := stages(o)
	var failed error
	for _, s := range all {
		if failed = h.stage(ctx, s); failed != nil {
			break
		}
	}
	r := report{harness: h, stages: all, congestion: congestion, took: time.Since(begin)}
	if err := r.write(stdout); err != nil {
		return err
	}
	if failed == nil && h.failed > 0 {
		failed = fmt.Errorf("%d runs failed: see above", h.failed)
	}
	return failed
}

func stages(o *options) []stage {
	return []stage{
		&stageDown{}, stageUp{}, stageDelta{}, stageResume{}, &stageTree{}, &stageRates{}, &stageConnect{}, &stageStat{}, &stageNames{sizes: o.names},
		&stageCollect{}, stageIdle{}, &stageSync{}, &stageWatch{names: o.watched},
	}
}

func (h *harness) stage(ctx context.Context, s stage) error {
	wanted := false
	for _, w := range s.workloads() {
		wanted = wanted || h.wanted(w)
	}
	if !wanted {
		return nil
	}
	defer s.end()
	if err := s.begin(ctx, h); err != nil {
		return fmt.Errorf("prepare %s: %w", s.name(), err)
	}
	rounds := h.rounds
	if f, ok := s.(fewer); ok {
		rounds = f.rounds(h)
	}
	for h.current = range rounds {
		fmt.Fprintf(h.log, "%s, round %d of %d\n", s.name(), h.current+1, rounds)
		if err := s.round(ctx, h, h.current+1); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	return nil
}
