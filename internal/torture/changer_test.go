package torture

import (
	"context"
	"fmt"
	"os"
	"time"

	"sluice/internal/client"
)

// changer changes large files and sends them as newer versions of what the server has, which may be gone by then.
type changer struct {
	*actor
	*toil
	files [2]changing
	rest  time.Duration // after each upload
}

// changing is a large file, outside of the victim's disk.
type changing struct {
	content []byte
	sent    bool         // what it holds was sent whole
	older   client.Known // what was sent last
}

const (
	changingLeast = client.ChunkSize + 1<<20 // bytes
	changingMost  = client.ChunkSize + 5<<20
)

func (c *changer) draw(ctx context.Context) ([]client.Change, []ack, error) {
	i := c.random.IntN(len(c.files))
	g, path := &c.files[i], fmt.Sprintf("changing%d", i)
	if there := c.names[path]; there.version > 0 && !there.gone {
		switch c.random.IntN(8) {
		case 0, 1:
			return c.deletion(path)
		case 2:
			if _, err := c.remote.Get(ctx, there.hash, 0, -1, discard{}); err != nil {
				return nil, nil, c.excuse(err)
			}
			c.read.Add(1)
			return nil, nil, nil
		}
	}
	if g.sent || g.content == nil { // else what was begun is gone on with
		c.change(g)
	}
	file := c.round.path("changing-%d-%d", c.id, i)
	if err := os.WriteFile(file, g.content, 0o600); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	size := int64(len(g.content))
	done, err := c.remote.Upload(ctx, f, size, client.UploadOptions{Older: g.older})
	if err != nil {
		return nil, nil, c.excuse(err)
	}
	if c.dark() {
		return nil, nil, errDark
	}
	if h := client.Sum(g.content); done.Hash != h {
		c.fault("actor %d: an upload of %x is told as %x", c.id, h[:], done.Hash[:])
	}
	g.sent, g.older = true, client.Known{Hash: done.Hash, Size: size}
	c.copied.Add(done.Copied)
	c.stored.Add(1)
	pause(ctx, c.rest)
	return c.putting(path, done.Hash, size)
}

// change overwrites some ranges, and lets the file grow at its end or in its middle, or become as short as at first.
func (c *changer) change(g *changing) {
	g.sent = false
	if g.content == nil {
		g.content = make([]byte, changingLeast+c.random.IntN(1<<20))
		fill(g.content, c.random.Uint64())
		return
	}
	for range 1 + c.random.IntN(3) {
		at := c.random.IntN(len(g.content))
		fill(g.content[at:min(len(g.content), at+1+c.random.IntN(64<<10))], c.random.Uint64())
	}
	more := make([]byte, 1+c.random.IntN(100<<10))
	fill(more, c.random.Uint64())
	switch at := c.random.IntN(len(g.content)); c.random.IntN(4) {
	case 0:
		g.content = append(g.content, more...)
	case 1:
		g.content = append(append(append(make([]byte, 0, len(g.content)+len(more)), g.content[:at]...), more...), g.content[at:]...)
	}
	if len(g.content) > changingMost {
		g.content = g.content[:changingLeast]
	}
}
