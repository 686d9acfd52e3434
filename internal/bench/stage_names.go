package bench

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sluice/internal/client"
)

// stageNames is what one request costs in accounts with few and with very many names, one request after another on one
// connection. All folders hold 1,000 names, so that what grows is the account.
type stageNames struct {
	sizes    []int
	accounts []*account
	echo     []*server // floors of ls and stat
	append   *server   // floor of put
	replies  [2]int
}

// account is one server with so many names.
type account struct {
	*sluice
	names int
	job   job
	lists [][]byte
	stats [][]byte
}

const (
	perFolder = 1000
	topName   = "all"
	asked     = 10 // folders that are asked for, evenly spread
)

func (s *stageNames) name() string { return "names" }

func (s *stageNames) workloads() []workload {
	var all []workload
	for _, op := range [...]struct{ name, title string }{
		{"ls", "ls of a folder of 1,000 names"}, {"stat", "stat of a file"}, {"put", "one put: 4 KiB and its name, durable"},
		{"mv", "rename of the folder that holds all of them"},
	} {
		for _, n := range s.sizes {
			all = append(all, workload{
				fmt.Sprintf("Names/op=%s/names=%d", op.name, n), fmt.Sprintf("%s, names in the account: %d", op.title, n), oneByOne,
			})
		}
	}
	return all
}

func (s *stageNames) begin(ctx context.Context, h *harness) error {
	for _, n := range s.sizes {
		dir, err := h.folders.next(fmt.Sprint("names-", n))
		if err != nil {
			return err
		}
		a := &account{names: n}
		if a.sluice, err = startSluice(ctx, h.options, dir); err != nil {
			return err
		}
		s.accounts = append(s.accounts, a)
		fmt.Fprintf(h.log, "  %d names\n", n)
		if err := a.fill(ctx, h.congestion); err != nil {
			return fmt.Errorf("make %d names: %w", n, err)
		}
	}
	first := s.accounts[0]
	for i, request := range [][]byte{first.lists[0], first.stats[0]} {
		reply, err := replyLength(first.job, request)
		if err != nil {
			return err
		}
		echo, err := startFloor("floor-echo", job{Request: len(request), Reply: reply, Loops: h.workers, Congestion: h.congestion})
		if err != nil {
			return err
		}
		s.echo = append(s.echo, echo)
		s.replies[i] = reply
	}
	dir, err := h.folders.next("names-floor")
	if err != nil {
		return err
	}
	s.append, err = startFloor("floor-tree", job{Dir: dir, Congestion: h.congestion})
	return err
}

func (s *stageNames) end() {
	for _, a := range s.accounts {
		a.stop()
	}
	for _, e := range s.echo {
		e.stop()
	}
	s.append.stop()
}

func (s *stageNames) round(ctx context.Context, h *harness, _ int) error {
	first := s.accounts[0]
	for i, w := range s.workloads() { // as they come from there: every size for one request, then for the next
		if !h.wanted(w) {
			continue
		}
		a := s.accounts[i%len(s.sizes)]
		var variants []variant
		switch i / len(s.sizes) {
		case 0:
			variants = s.loads(ctx, h, a, a.lists, s.echo[0], first.lists[0], s.replies[0])
		case 1:
			variants = s.loads(ctx, h, a, a.stats, s.echo[1], first.stats[0], s.replies[1])
		case 2:
			variants = []variant{
				{"sluice", s.puts(ctx, h, "put-small", a.job)},
				{"floor", s.puts(ctx, h, "floor-put", job{Address: s.append.address, Server: s.append.pid()})},
			}
		case 3:
			variants = []variant{{"sluice", s.puts(ctx, h, "rename", a.job)}}
		}
		if err := h.interleave(ctx, w, variants...); err != nil {
			return err
		}
	}
	return nil
}

func (s *stageNames) loads(ctx context.Context, h *harness, a *account, ours [][]byte, echo *server, request []byte, reply int) []variant {
	run := func(j job) func() (measure, error) {
		j.Connections, j.Duration, j.Congestion = 1, h.rate, h.congestion
		return func() (measure, error) { return loaded(ctx, j, 1) }
	}
	asked := a.job
	asked.Requests = ours
	return []variant{
		{"sluice", run(asked)},
		{"floor", run(job{Protocol: "bare", Address: echo.address, Server: echo.pid(), Requests: [][]byte{request}, Reply: reply})},
	}
}

func (s *stageNames) puts(ctx context.Context, h *harness, program string, j job) func() (measure, error) {
	j.Duration, j.Congestion = h.rate, h.congestion
	return func() (measure, error) {
		a, _, err := runSelf(ctx, program, j)
		return measure{units: float64(a.Units), wall: a.Wall, server: a.Server, client: a.Client}, err
	}
}

// fill makes the names, all of one content, and the requests for some of them.
func (a *account) fill(ctx context.Context, congestion string) error {
	remote, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	a.job = job{Protocol: "sluice", Address: a.address, Server: a.pid(), Token: remote.Token(), Congestion: congestion}
	body := []byte("what all of them hold")
	content := client.Sum(body)
	failed, err := remote.PutObjects(ctx, []client.Object{{Hash: content, Size: int64(len(body))}}, [][]byte{body})
	if err != nil || len(failed) > 0 {
		return errors.Join(err, fmt.Errorf("%d contents were not taken", len(failed)))
	}
	top, err := commitAll(ctx, remote, []client.Change{folderChange(remote.Hello().Root, topName)})
	if err != nil {
		return err
	}
	folders := max(a.names/perFolder, 1)
	var changes []client.Change
	for i := range folders {
		changes = append(changes, folderChange(top[0], folderName(i)))
	}
	nodes, err := commitAll(ctx, remote, changes)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(2) // one is made while the other is written
	for i, node := range nodes {
		g.Go(func() error {
			var changes []client.Change
			for k := range min(perFolder, a.names) {
				changes = append(changes, client.Change{
					Op: client.OpPut, Parent: client.Place{Node: node}, Name: fileName(k), Kind: client.KindFile,
					Hash: content, Size: int64(len(body)), Mode: 0o644, Mtime: int64(k), Expect: 0,
				})
			}
			_, err := commitAll(ctx, remote, changes)
			if err != nil {
				err = fmt.Errorf("folder %d: %w", i, err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range min(asked, folders) {
		at := i * folders / min(asked, folders)
		a.lists = append(a.lists, listFrame(nodes[at]))
		for k := range asked {
			a.stats = append(a.stats, statFrame(topName, folderName(at), fileName(k*min(perFolder, a.names)/asked)))
		}
	}
	return nil
}

// Names of one length, so that answers are of one length, nearly.
func folderName(i int) string { return fmt.Sprintf("folder-%06d", i) }
func fileName(i int) string   { return fmt.Sprintf("file-%06d", i) }

func folderChange(parent int64, name string) client.Change {
	return client.Change{
		Op: client.OpMkdir, Parent: client.Place{Node: parent}, Name: name, Kind: client.KindFolder, Mode: 0o755, Expect: client.ExpectAny,
	}
}

// commitAll carries out changes in as few commits as they fit, and tells their nodes.
func commitAll(ctx context.Context, remote *client.Remote, changes []client.Change) (nodes []int64, err error) {
	for len(changes) > 0 {
		n := min(client.MaxBatch, len(changes))
		reply, err := remote.Commit(ctx, &client.CommitRequest{Changes: changes[:n]})
		if err != nil {
			return nil, err
		}
		for i, done := range reply.Entries {
			if done.Code != client.OK {
				return nil, client.NewError(changes[i].Name, done.Code, done.Message)
			}
			nodes = append(nodes, done.Node)
		}
		changes = changes[n:]
	}
	return nodes, nil
}
