package live

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/internal/client"
)

// journal is a server's journal; moving it ends the waiting.
type journal struct {
	mu      sync.Mutex
	number  int64
	moved   chan struct{}
	fail    error
	refused chan struct{} // gets a value for each failure told
	asked   []client.ChangesRequest
}

func (j *journal) Stat(context.Context, int64, []string) (*client.StatReply, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &client.StatReply{Epoch: 1, Journal: j.number}, j.fail
}

func (j *journal) Changes(ctx context.Context, c client.ChangesRequest) (*client.ChangesReply, error) {
	j.mu.Lock()
	j.asked = append(j.asked, c)
	j.mu.Unlock()
	for {
		j.mu.Lock()
		number, moved, fail := j.number, j.moved, j.fail
		j.mu.Unlock()
		if fail != nil {
			j.refused <- struct{}{}
			return nil, fail
		}
		if number > c.Since {
			return &client.ChangesReply{Epoch: 1, Journal: number}, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (j *journal) set(number int64, fail error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number, j.fail = number, fail
	close(j.moved)
	j.moved = make(chan struct{})
}

func TestNews(t *testing.T) {
	j := &journal{number: 5, moved: make(chan struct{}), refused: make(chan struct{}, 100)}
	var n News
	one, two := n.Subscribe(), n.Subscribe()
	ctx, cancel := context.WithCancel(t.Context())
	wake := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		n.Follow(ctx, j, wake)
		close(ended)
	}()
	hear := func(what string) {
		t.Helper()
		for _, c := range []<-chan struct{}{one, two} {
			select {
			case <-c:
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: not told", what)
			}
		}
	}
	hear("at first, as what came before is not known")
	j.set(6, nil)
	hear("a change")
	j.set(6, errors.New("connection lost"))
	<-j.refused
	j.set(9, nil)
	wake <- struct{}{}
	hear("back again")
	select {
	case <-one:
		t.Error("told twice")
	default:
	}
	cancel()
	<-ended
	for _, a := range j.asked {
		if a.WaitMs != newsWait.Milliseconds() || a.Epoch != 1 {
			t.Errorf("asked %+v", a)
		}
	}
}

// A device that is no longer logged in hears of it, and again, as long as it has not ended.
func TestNewsOfBeingShutOut(t *testing.T) {
	j := &journal{number: 5, moved: make(chan struct{}), refused: make(chan struct{}, 100)}
	var n News
	heard := n.Subscribe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		n.Follow(ctx, j, nil)
		close(ended)
	}()
	<-heard
	j.set(5, client.NewError("changes", client.Revoked, ""))
	for range 2 {
		select {
		case <-heard:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody is told")
		}
	}
	cancel()
	<-ended
}
