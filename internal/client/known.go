package client

import (
	"bytes"
	"sync"
	"time"

	"sluice/internal/proto"
)

// known is what the server has said of the chunks that are present of an upload.
type known struct {
	mu     sync.Mutex
	hints  map[int64][]byte // of those that are present: the beginning of their values
	asked  time.Time
	shared bool // others may fill it too
	close  bool // they are at work where this one is
}

// set takes an answer to upload-open; its body has a hint for each bit that is set.
func (k *known) set(answer *proto.UploadOpenReply, body []byte) {
	hints := make(map[int64][]byte)
	for i := 0; len(body) > 0; i++ {
		if answer.Present.Get(i) {
			hints[int64(i)] = body[:proto.ValueHint]
			body = body[proto.ValueHint:]
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hints, k.asked = hints, time.Now()
}

// share notes that others fill the upload too, and are at work where this one is: what is known is old.
func (k *known) share() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shared, k.close = true, true
	k.asked = time.Now().Add(pressing - askEvery)
}

// met says once that others were met.
func (k *known) met() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	met := k.close
	k.close = false
	return met
}

// pressing is how soon it is asked again after others were met, so that many who meet them at once ask once.
const pressing = 50 * time.Millisecond

// due says that it is time to ask again; whoever is told so asks.
func (k *known) due(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.shared || now.Sub(k.asked) < askEvery {
		return false
	}
	k.asked = now
	return true
}

// present says whether a chunk is there, and whether it may be the one of this value.
func (k *known) present(index int64, value Hash) (there, alike bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	hint, there := k.hints[index]
	return there, there && bytes.HasPrefix(value[:], hint)
}

// chunks are the numbers of those that are there, in no order.
func (k *known) chunks() []int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []int64
	for index := range k.hints {
		all = append(all, index)
	}
	return all
}
