package live

import (
	"context"
	"time"

	"sluice/internal/client"
)

// newsWait is how long the server may keep a question for news.
const newsWait = 4 * time.Minute

// Journal is what is asked for news; *client.Remote is one.
type Journal interface {
	Stat(ctx context.Context, node int64, path []string) (*client.StatReply, error)
	Changes(ctx context.Context, c client.ChangesRequest) (*client.ChangesReply, error)
}

// News waits at a server for its journal to move, for all the folders that are kept in step with it: one waiting request,
// however many they are.
type News struct{ bell }

// Follow asks the server until ctx ends. Whenever it cannot be asked, it tries again, and then tells that there may be
// something new: what came meanwhile is not known. wake cuts a pause short. A server that does not let this device in any
// more is news too: whoever looks is told, and ends. It is told again, as the server may believe another connection for a while.
func (n *News) Follow(ctx context.Context, j Journal, wake <-chan struct{}) {
	var pause pauses
	ask := client.ChangesRequest{WaitMs: newsWait.Milliseconds()}
	known := false
	for ctx.Err() == nil {
		moved, err := n.ask(ctx, j, &ask, known)
		known = err == nil
		if err == nil {
			pause.reset()
			if moved {
				n.ring()
			}
			continue
		}
		if client.ExitCode(err) == client.ExitAuth {
			n.ring()
		}
		timer := time.NewTimer(pause.next())
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// ask asks once. With known it waits for news, else it asks where the journal is.
func (n *News) ask(ctx context.Context, j Journal, ask *client.ChangesRequest, known bool) (moved bool, err error) {
	if !known {
		top, err := j.Stat(ctx, 0, nil)
		if err != nil {
			return false, err
		}
		ask.Epoch, ask.Since = top.Epoch, top.Journal
		return true, nil
	}
	reply, err := j.Changes(ctx, *ask)
	if err != nil {
		return false, err
	}
	since := reply.Journal
	if reply.More {
		since = reply.Entries[len(reply.Entries)-1].Version
	}
	moved = since != ask.Since
	ask.Since = since
	return moved, nil
}
