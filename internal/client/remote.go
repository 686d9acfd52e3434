package client

import (
	"context"
	"errors"
	"io"
	"os"
)

var errUnfinished = errors.New("not yet")

// Remote is one server seen by one device. All methods may be called by any goroutine.
type Remote struct{}

func Dial(ctx context.Context, opt Options) (*Remote, error) { return nil, errUnfinished }
func (r *Remote) Close() error                               { return nil }
func (r *Remote) Hello() HelloReply                          { return HelloReply{} }
func (r *Remote) Token() string                              { return "" }
func (r *Remote) Connections() int                           { return 4 }
func (r *Remote) SetLimitRate(bytesPerSecond int64)          {}
func (r *Remote) Ping(ctx context.Context) error             { return errUnfinished }
func (r *Remote) Login(ctx context.Context, user, password, device string) (*LoginReply, error) {
	return nil, errUnfinished
}

// Revoke ends a device's token; 0: this device's own.
func (r *Remote) Revoke(ctx context.Context, device int64) error { return errUnfinished }
func (r *Remote) Quota(ctx context.Context) (*QuotaReply, error) { return nil, errUnfinished }

// Have: bit i tells whether this account holds hashes[i]. At most MaxBatch.
func (r *Remote) Have(ctx context.Context, hashes []Hash) (Bitmap, error) { return nil, errUnfinished }

// PutObjects sends contents: bodies[i] is objects[i].Size bytes long. At most MaxBatch and MaxObjectsBody bytes.
func (r *Remote) PutObjects(ctx context.Context, objects []Object, bodies [][]byte) ([]EntryError, error) {
	return nil, errUnfinished
}

// Commit sends a commit; a zero Key is filled with random bits.
func (r *Remote) Commit(ctx context.Context, c *CommitRequest) (*CommitReply, error) {
	return nil, errUnfinished
}

// Listing is what a folder held at one journal number: folders before what they hold.
type Listing struct {
	Epoch, Journal int64
	Entries        []Entry
}

// ListPage asks for one page.
func (r *Remote) ListPage(ctx context.Context, q ListRequest) (*ListReply, error) {
	return nil, errUnfinished
}

// List gives the children of a folder (0: the root of home), all pages.
func (r *Remote) List(ctx context.Context, node int64) (*Listing, error) { return nil, errUnfinished }

// ListAll gives all below a folder (0: the root of home) as it stood at one journal number.
func (r *Remote) ListAll(ctx context.Context, node int64) (*Listing, error) { return nil, errUnfinished }
func (r *Remote) Stat(ctx context.Context, node int64, path []string) (*StatReply, error) {
	return nil, errUnfinished
}
func (r *Remote) Changes(ctx context.Context, q ChangesRequest) (*ChangesReply, error) {
	return nil, errUnfinished
}

// Get writes a range of a content to w (length -1: to its end) and tells how many bytes were written. When the whole
// content was asked for, its hash is verified before Get succeeds; one of at most ChunkSize before a byte is written.
func (r *Remote) Get(ctx context.Context, hash Hash, offset, length int64, w io.Writer) (int64, error) {
	return 0, errUnfinished
}

// Got is one content of a GetObjects: Data is verified against its hash. Code other than OK: no data.
type Got struct {
	Size int64
	Code Code
	Data []byte
}

// GetObjects answers a prefix of what was asked, at least one. The data lies in buf as far as it has the capacity.
func (r *Remote) GetObjects(ctx context.Context, hashes []Hash, buf []byte) ([]Got, error) {
	return nil, errUnfinished
}

// Upload sends a file of any size above MaxObjectsBody. progress (may be nil) is told of bytes as they are acknowledged.
func (r *Remote) Upload(ctx context.Context, f *os.File, size int64, progress func(n int64)) (Hash, error) {
	return Hash{}, errUnfinished
}

// UploadReader sends what rd holds to its end, however long it is.
func (r *Remote) UploadReader(ctx context.Context, rd io.Reader, progress func(n int64)) (Hash, int64, error) {
	return Hash{}, 0, errUnfinished
}

// Download writes a content of any size into f from offset 0 and verifies it before it returns nil.
func (r *Remote) Download(ctx context.Context, hash Hash, size int64, f *os.File, progress func(n int64)) error {
	return errUnfinished
}

// Discard reads a content and drops its bytes in the kernel, unverified: for measuring.
func (r *Remote) Discard(ctx context.Context, hash Hash, size int64, progress func(n int64)) error {
	return errUnfinished
}
