package syncer

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// Server is what a push or pull asks of the other side; *client.Remote is one.
type Server interface {
	Hello() client.HelloReply
	Connections() int
	Quota(ctx context.Context) (*client.QuotaReply, error)
	Have(ctx context.Context, hashes []client.Hash) (client.Bitmap, error)
	Spare(ctx context.Context, objects []client.Object, content func(i int) io.ReaderAt, how client.Sparing) (client.Bitmap, error)
	PutObjects(ctx context.Context, objects []client.Object, bodies [][]byte) ([]client.EntryError, error)
	Commit(ctx context.Context, c *client.CommitRequest) (*client.CommitReply, error)
	Stat(ctx context.Context, node int64, path []string) (*client.StatReply, error)
	ListAll(ctx context.Context, node int64) (*client.Listing, error)
	ListSince(ctx context.Context, node int64, old *client.Listing) (*client.Listing, error)
	GetObjects(ctx context.Context, hashes []client.Hash, buf []byte) ([]client.Got, error)
	Upload(ctx context.Context, f *os.File, size int64, opt client.UploadOptions) (client.Uploaded, error)
	Download(ctx context.Context, hash client.Hash, size int64, f *os.File, opt client.DownloadOptions) (client.Downloaded, error)
}

// Common is what push and pull are told alike.
type Common struct {
	Server    Server
	Dir       string   // the local folder
	Path      []string // the server's folder
	Filter    *Filter
	Listings  Listings // what is remembered of the server's trees
	Delete    bool
	MaxDelete reconcile.Limit // more than half of the target's files, and more than massDelete of them, by default
	Sure      bool            // mass deletes are meant
	Checksum  bool
	DryRun    bool
	Progress  *Progress       // may be nil
	Events    func(Event)     // may be nil; called by one goroutine at a time
	Run       *Run            // what is remembered of this run while it lasts; may be nil
	Stop      <-chan struct{} // closed: begin nothing new, finish what is under way; may be nil
}

// stopped says whether the user has asked for the end.
func (c *Common) stopped() bool { return isClosed(c.Stop) }

func isClosed(stop <-chan struct{}) bool {
	select {
	case <-stop:
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

// Terminal makes a name safe to show: control characters become visible.
func Terminal(raw string) string { return proto.Terminal(raw) }

// EscapeName is the %XX form of a name that --json output uses.
func EscapeName(raw string) string { return proto.EscapeName(raw) }
