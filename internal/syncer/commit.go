package syncer

import (
	"context"
	"errors"
	"fmt"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// maxCommitHeader bounds a commit's header by an estimate that is never too low: every byte of a name may become a
// \u00XX, the rest of an entry is below changeCost.
const (
	maxCommitHeader = 1000 << 10
	changeCost      = 320
)

// commitEach sends changes in as many commits as limits demand, in order, and tells the fate of each.
func commitEach(ctx context.Context, s Server, changes []client.Change, fate func(i int, done client.Changed)) error {
	for start := 0; start < len(changes); {
		end, cost := start, 0
		for end < len(changes) && end-start < client.MaxBatch {
			cost += changeCost + 6*len(changes[end].Name)
			if cost > maxCommitHeader {
				break
			}
			end++
		}
		reply, err := s.Commit(ctx, &client.CommitRequest{Changes: changes[start:end]})
		if err != nil {
			return fmt.Errorf("commit names: %w", err)
		}
		if len(reply.Entries) != end-start {
			return fmt.Errorf("commit of %d names answered %d: %w", end-start, len(reply.Entries), errHostile)
		}
		for i, done := range reply.Entries {
			fate(start+i, done)
		}
		start = end
	}
	return nil
}

// commitFiles names the contents of a batch.
func (p *pusher) commitFiles(ctx context.Context, b *batch) error {
	changes := make([]client.Change, 0, len(b.items))
	items := make([]*item, 0, len(b.items))
	for i := range b.items {
		it := &b.items[i]
		if code := b.refusal(it.hash); code != client.OK {
			p.problem(Problem{Path: it.Src.Path(), Reason: "the server refused its content (" + code.String() + "): run the same command again"})
			continue
		}
		parent, ok := p.folders.id(it.Src.Parent)
		if !ok {
			p.problem(Problem{Path: it.Src.Path(), Reason: "its folder could not be made"})
			continue
		}
		c := client.Change{
			Op: client.OpPut, Parent: client.Place{Node: parent}, Name: it.Src.Name, Kind: it.Src.Kind,
			Hash: it.hash, Size: it.Src.Size, Mode: modeOf(it.Src), Mtime: it.Src.Mtime,
		}
		if it.Dst != nil {
			c.Expect = it.Dst.Version
		}
		changes = append(changes, c)
		items = append(items, it)
	}
	var again []*item
	var quota error
	err := commitEach(ctx, p.Server, changes, func(i int, done client.Changed) {
		it := items[i]
		switch done.Code {
		case client.OK:
			p.named(it)
		case client.Conflict, client.Exists:
			again = append(again, it)
		case client.OverQuota, client.NoSpace:
			quota = client.NewError("commit names", done.Code, done.Message)
		default:
			p.progress.Done.Add(1)
			p.problem(Problem{Path: it.Src.Path(), Reason: refused(done)})
		}
	})
	if err != nil {
		return err
	}
	for _, it := range again {
		if err := p.conflict(ctx, it); err != nil {
			return err
		}
	}
	return quota
}

// named tells that a file stands on the server.
func (p *pusher) named(it *item) {
	p.progress.Done.Add(1)
	if it.instant {
		p.progress.DoneBytes.Add(it.Src.Size)
		p.file(Instant, it.Src)
		return
	}
	p.file(Sent, it.Src)
}

// conflict looks again at a name that changed on the server since it was listed.
func (p *pusher) conflict(ctx context.Context, it *item) error {
	p.progress.Done.Add(1)
	parent, _ := p.folders.id(it.Src.Parent)
	reply, err := p.Server.Stat(ctx, parent, []string{it.Src.Name})
	if err != nil && !errors.Is(err, context.Canceled) && client.CodeOf(err) == client.NotFound {
		p.problem(Problem{Path: it.Src.Path(), Conflict: true, Reason: "its folder was removed on the server while it was sent: run the same command again"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("look again at %s: %w", Terminal(it.Src.Path()), err)
	}
	reason := "it was removed on the server while it was sent: run the same command again"
	if len(reply.Entries) > 1 {
		e := reply.Entries[1]
		if e.Kind == it.Src.Kind && e.Hash == it.hash && e.Mtime == it.Src.Mtime && e.Mode&0o777 == modeOf(it.Src)&0o777 {
			it.instant = true
			p.file(Instant, it.Src) // another push of the same folder was faster
			return nil
		}
		reason = "it was changed on the server while it was sent, and was left as it is there: compare both, then run the same command again"
	}
	p.problem(Problem{Path: it.Src.Path(), Conflict: true, Reason: reason})
	return nil
}

// modeOf is the mode as it travels.
func modeOf(n *Node) uint32 {
	if n.Kind == proto.KindLink {
		return 0o777
	}
	return n.Mode
}

// refused is the reason in a commit's answer, in words.
func refused(done client.Changed) string {
	switch done.Code {
	case client.NotUploaded:
		return "the server no longer holds its content: run the same command again"
	case client.NotFound:
		return "its folder is gone from the server: run the same command again"
	}
	text := "the server refused it: " + done.Code.String()
	if done.Message != "" {
		text += " (" + Terminal(done.Message) + ")"
	}
	return text
}
