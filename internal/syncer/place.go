package syncer

import (
	"context"
	"fmt"
	"strings"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// place is what stands at a path of the server at one journal number, or how far the path goes.
type place struct {
	epoch, journal int64
	found          []client.Entry // the root, then one for each name that was found
	missing        []string       // the rest of the path
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
	return &place{epoch: reply.Epoch, journal: reply.Journal, found: reply.Entries, missing: path[len(reply.Entries)-1:]}, nil
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

// Locate follows a path from the root of home: the root and one entry for each name that is there, and the names that
// are not.
func Locate(ctx context.Context, s Server, path []string) (found []client.Entry, missing []string, err error) {
	p, err := lookUp(ctx, s, path)
	if err != nil {
		return nil, nil, err
	}
	return p.found, p.missing, nil
}
