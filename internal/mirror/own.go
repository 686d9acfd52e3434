package mirror

import (
	"context"

	"sluice/internal/client"
	"sluice/internal/state"
)

// own is what our own commits have made of the journal since the number that is remembered. Every change takes a number, so
// where all numbers are those of our own changes, nobody else has changed anything and nothing has to be read.
type own struct {
	versions map[int64]int64 // that are recorded, by node
	reach    int64           // all numbers up to this one are of what is remembered, or ours and recorded
	apart    map[int64]bool  // numbers that are ours and recorded, beyond one that is not known for ours yet
	newest   int64           // the latest number a reply told of
	unsaved  bool            // the journal number has moved on in memory alone
}

// recorded notes the versions in what was recorded that the journal is going to tell again.
func (o *own) recorded(b *state.SyncBatch) {
	for _, id := range b.Forget {
		delete(o.versions, id)
	}
	for i := range b.Nodes {
		o.one(&b.Nodes[i].SyncEntry)
	}
	for i := range b.News { // of a node that is in both they have the newer version
		o.one(&b.News[i].SyncEntry)
	}
}

func (o *own) one(e *state.SyncEntry) {
	if e.Version <= o.reach {
		return
	}
	if o.versions == nil {
		o.versions = make(map[int64]int64)
	}
	o.versions[e.ID] = e.Version
}

// tells says whether the journal tells what was recorded when our own commit was answered.
func (o *own) tells(e client.Entry) bool { return !e.Deleted && o.versions[e.Node] >= e.Version }

// answered takes the numbers of a commit, after what it did was recorded. What was not recorded, as what a folder held that was
// deleted with it, has to be read.
func (o *own) answered(changes []client.Change, reply *client.CommitReply) {
	for i, f := range reply.Entries {
		c := &changes[i]
		if f.Code == client.OK && f.Version > o.reach && (c.Op == client.OpDelete && !c.Recursive || o.versions[f.Node] >= f.Version) {
			o.reached(f.Version)
		}
	}
	o.newest = max(o.newest, reply.Journal)
}

// maxApart is how many numbers the commits on their way can be ahead by. More are beyond somebody else's change.
const maxApart = maxFlying * client.MaxBatch

// reached takes one number. Of several commits on their way the first to be answered need not be the first that was carried out.
func (o *own) reached(number int64) {
	if number != o.reach+1 {
		if o.apart == nil {
			o.apart = make(map[int64]bool)
		}
		if len(o.apart) < maxApart {
			o.apart[number] = true
		}
		return
	}
	for o.reach = number; o.apart[o.reach+1]; o.reach++ {
		delete(o.apart, o.reach+1)
	}
}

// catchUp follows the server after our own commits. It says whether others have changed anything.
func (m *Mirror) catchUp(ctx context.Context) (news bool, err error) {
	if m.own.reach != m.own.newest {
		return m.follow(ctx)
	}
	m.root.Journal = m.own.reach // recorded with the end of the run: until then it is as if it had not been read
	m.own = own{reach: m.root.Journal, unsaved: true}
	return false, nil
}
