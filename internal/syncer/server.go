package syncer

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// Server is what a push or pull asks of the other side; *client.Remote is one.
type Server interface {
	Hello() client.HelloReply
	Connections() int
	Quota(ctx context.Context) (*client.QuotaReply, error)
	Have(ctx context.Context, hashes []client.Hash) (client.Bitmap, error)
	PutObjects(ctx context.Context, objects []client.Object, bodies [][]byte) ([]client.EntryError, error)
	Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error)
	Stat(ctx context.Context, node int64, path []string) (*client.StatReply, error)
	ListAll(ctx context.Context, node int64) (*client.Listing, error)
	GetObjects(ctx context.Context, hashes []client.Hash, buf []byte) ([]client.Got, error)
	Upload(ctx context.Context, f *os.File, size int64, progress func(n int64)) (client.Hash, error)
	Download(ctx context.Context, hash client.Hash, size int64, f *os.File, progress func(n int64)) error
}

// Common is what push and pull are told alike.
type Common struct {
	Server    Server
	Dir       string   // the local folder
	Path      []string // the server's folder
	Filter    *Filter
	Delete    bool
	MaxDelete MaxDelete
	Sure      bool // mass deletes are meant
	Checksum  bool
	DryRun    bool
	Progress  *Progress       // may be nil
	Events    func(Event)     // may be nil; called by one goroutine at a time
	Stop      <-chan struct{} // closed: begin nothing new, finish what is under way; may be nil
}

// stopped says whether the user has asked for the end.
func (c *Common) stopped() bool {
	select {
	case <-c.Stop:
		return true
	default:
		return false
	}
}

// grace is how long what is under way may still take after Stop. What was sent by then is not lost: the server keeps
// contents without a name for a day, so that the next run finds them there.
const grace = 3 * time.Second

// watchStop ends the work when Stop was closed and the grace is over. It returns when ctx ends.
func (c *Common) watchStop(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case <-c.Stop:
	case <-ctx.Done():
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		end(ErrInterrupted)
	case <-ctx.Done():
	}
}

// ErrInterrupted is the clean end after Stop.
var ErrInterrupted = interrupted{}

type interrupted struct{}

func (interrupted) Error() string { return "interrupted" }
func (interrupted) ExitCode() int { return client.ExitInterrupted }

// codedError has an exit code of its own.
type codedError struct {
	text string
	code int
}

func (e *codedError) Error() string { return e.text }
func (e *codedError) ExitCode() int { return e.code }

func coded(code int, format string, args ...any) error {
	return &codedError{text: fmt.Sprintf(format, args...), code: code}
}

// place is what stands at a path of the server, or how far the path goes.
type place struct {
	found   []client.Entry // the root, then one for each name that was found
	missing []string       // the rest of the path
}

// last is the deepest entry found.
func (p *place) last() client.Entry { return p.found[len(p.found)-1] }

// lookUp follows a path from the root of home.
func lookUp(ctx context.Context, s Server, path []string) (*place, error) {
	if len(path) > client.MaxPath {
		return nil, coded(client.ExitUsage, "the path has %d names, the most is %d", len(path), client.MaxPath)
	}
	reply, err := s.Stat(ctx, 0, path)
	if err != nil {
		return nil, err
	}
	if len(reply.Entries) == 0 || len(reply.Entries) > len(path)+1 {
		return nil, fmt.Errorf("stat answered %d entries for %d names: %w", len(reply.Entries), len(path), errHostile)
	}
	for i, e := range reply.Entries[1:] {
		if e.Name != path[i] {
			return nil, fmt.Errorf("stat answered %q for %q: %w", e.Name, path[i], errHostile)
		}
	}
	return &place{found: reply.Entries, missing: path[len(reply.Entries)-1:]}, nil
}

// folderAt is lookUp for a path that must be a folder as far as it exists.
func folderAt(ctx context.Context, s Server, path []string) (*place, error) {
	p, err := lookUp(ctx, s, path)
	if err != nil {
		return nil, err
	}
	if last := p.last(); last.Kind != proto.KindFolder {
		return nil, coded(client.ExitOther, "%s on the server is a file, not a folder",
			Terminal(strings.Join(path[:len(p.found)-1], "/")))
	}
	return p, nil
}

// Terminal makes a name safe to show: control characters become visible.
func Terminal(raw string) string { return proto.Terminal(raw) }

// EscapeName is the %XX form of a name that --json output uses.
func EscapeName(raw string) string { return proto.EscapeName(raw) }

// Locate follows a path from the root of home: the root and one entry for each name that is there, and the names that
// are not.
func Locate(ctx context.Context, s Server, path []string) (found []client.Entry, missing []string, err error) {
	p, err := lookUp(ctx, s, path)
	if err != nil {
		return nil, nil, err
	}
	return p.found, p.missing, nil
}
