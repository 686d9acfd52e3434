package mirror

import (
	"sluice/internal/proto"
	"sluice/internal/reconcile"
)

// fetchSets fetches sets, each as one.
func (r *round) fetchSets(steps []*reconcile.Step) error {
	for _, s := range steps {
		if err := r.fetchSet(s); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) fetchSet(s *reconcile.Step) error {
	rem, l := s.Remote, s.Local
	parent := r.local.ByID[rem.Parent.ID]
	path := child(parent, rem.Name)
	if l != nil && l.ID != 0 {
		r.batch.Answered = append(r.batch.Answered, ownFetch(l.ID, rem.Hash))
	}
	got, err := r.m.Contents.FetchSet(r.ctx, WantedSet{Remote: r.whole(rem), Path: path, Over: r.whole(l)})
	if done, err := r.tried(s, path, err); !done {
		return err
	}
	if l == nil {
		l = &reconcile.Entry{ID: rem.ID, Name: rem.Name}
		r.local.Add(parent, l)
		s.Local = l
	}
	l.Kind, l.Hash, l.Hashed, l.Size, l.Mode, l.Mtime, l.Facts = rem.Kind, rem.Hash, true, 0, rem.Mode, rem.Mtime, got.Facts
	for _, c := range got.Children {
		c.Parent = l
	}
	r.inside[l] = got.Children
	size := int64(0)
	for _, c := range flat(r.inside[rem]) {
		if c.Kind == proto.KindFile {
			size += c.Size
		}
	}
	r.settle(l, rem)
	r.agreeSet(l, rem)
	r.m.result.Fetched++
	r.m.result.Bytes += size
	r.did(s, Event{Path: path, Size: size})
	return r.record()
}
