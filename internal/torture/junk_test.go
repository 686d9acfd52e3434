package torture

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/client"
	"sluice/internal/proto"
)

// TestJunkAfterRefusal is R2: uploads that are refused, with bodies full of well-formed requests to make a folder, whole or cut
// short. Not one of them is ever carried out, no worker dies, and a connection that lives on answers what it is asked.
func TestJunkAfterRefusal(t *testing.T) {
	t.Parallel()
	r := begin(t)
	s := r.newServer(r.path("data"), 2)
	s.addUser("bob", "--quota", "1000")
	s.start()
	s.login()
	bob, err := client.Dial(context.Background(), client.Options{Address: s.url()})
	r.must(err)
	_, err = bob.Login(context.Background(), "bob", password, "torture")
	r.must(err)
	bob.Close()
	ann := s.dialRemote(client.Options{Connections: 1})
	root := ann.Hello().Root
	ann.Close()
	rounds := r.pick(1000, 100_000)
	var lived, closed, broken atomic.Int64
	s.each(rounds, func(random *rand.Rand) error {
		return s.desync(random, bob.Token(), root, &lived, &closed, &broken)
	})
	ann = s.dialRemote(client.Options{Connections: 1})
	list, err := ann.ListAll(context.Background(), 0)
	r.must(err)
	if len(list.Entries) > 0 {
		r.Errorf("%d folders were made by bytes of bodies: %q", len(list.Entries), list.Entries[0].Name)
	}
	st := s.mustStatus()
	if st.Deaths > 0 {
		r.Errorf("%d workers died", st.Deaths)
	}
	if lived.Load() == 0 || closed.Load() == 0 {
		r.Error("the round did not try both ways a refusal ends")
	}
	s.sameObjects()
	s.mustAnswer()
	s.stop()
	s.checkAll("afterwards")
	r.Logf("%d refusals: %d connections lived on, %d were closed, %d broke off", rounds, lived.Load(), closed.Load(), broken.Load())
}

// desync sends one upload that is refused, and then asks for a sign of life.
func (s *server) desync(random *rand.Rand, bob string, root int64, lived, closed, broken *atomic.Int64) error {
	w, err := s.tryDial()
	if err != nil {
		return err
	}
	defer w.Close()
	w.SetDeadline(time.Now().Add(startLimit))
	// The body: requests that would be seen if they were taken for requests, behind one another at any offset.
	var body []byte
	size := []int{50, 3000, 70_000, 200_000}[random.IntN(4)] + random.IntN(100)
	forged := &wire{}
	for len(body) < size {
		var key proto.Key
		fill(key[:], random.Uint64())
		body = append(body, forged.frame(proto.TypeCommit, (&proto.Commit{Key: key, Changes: []proto.Change{{Op: proto.OpMkdir, Parent: proto.Place{Node: root},
			Name: fmt.Sprintf("forged%x", key[:4]), Mode: 0o755, Expect: proto.ExpectAny}}}).Append(nil), nil)...)
		body = append(body, make([]byte, random.IntN(30))...)
	}
	token := s.token
	kind := random.IntN(7)
	if kind == 1 {
		token = bob
	}
	if kind != 0 {
		code, err := w.ask(proto.TypeHello, &proto.Hello{Versions: []uint8{proto.Version}, Token: token, Agent: "torture"}, nil)
		if err != nil || code != proto.OK {
			return fmt.Errorf("hello: %v %v", code, err)
		}
	}
	sum := client.Sum(body)
	put := &proto.PutObjects{Objects: []proto.Object{{Hash: sum, Size: int64(len(body))}}}
	var frame []byte
	switch kind {
	case 0, 1: // not logged in; over quota
		if kind == 1 && len(body) <= 1000 {
			body = append(body, make([]byte, 1001)...)
			put.Objects[0] = proto.Object{Hash: client.Sum(body), Size: int64(len(body))}
		}
		frame = w.frame(proto.TypePutObjects, put.Append(nil), body)
	case 2: // no such upload
		frame = w.frame(proto.TypeUploadChunk, (&proto.UploadChunk{Upload: 1 << 40, Index: 3, Value: proto.Hash(sum)}).Append(nil), body)
	case 3: // the sizes are not the body's
		put.Objects[0].Size--
		frame = w.frame(proto.TypePutObjects, put.Append(nil), body)
	case 4: // not a header
		frame = w.frame(proto.TypePutObjects, []byte(`{"objects":`), body)
	case 5: // a body where none belongs
		frame = w.frame(proto.TypeCommit, (&proto.Commit{Changes: []proto.Change{{Op: proto.OpDelete, Node: 1 << 40}}}).Append(nil), body)
	default: // bytes that are not those of their hash
		put.Objects[0].Hash[0] ^= 1
		frame = w.frame(proto.TypePutObjects, put.Append(nil), body)
	}
	if random.IntN(4) == 0 { // it breaks off within the body
		w.Write(frame[:len(frame)-1-random.IntN(len(body)-1)])
		broken.Add(1)
		if random.IntN(2) == 0 {
			w.SetLinger(0)
		}
		return nil
	}
	ping := w.frame(proto.TypePing, nil, nil)
	want := w.number
	// Errors of writing are those of a connection the server has closed already.
	for whole := append(frame, ping...); len(whole) > 0; {
		n := min(len(whole), 1+random.IntN(100_000))
		if _, err := w.Write(whole[:n]); err != nil {
			break
		}
		whole = whole[n:]
	}
	replies := 0
	for {
		reply, err := w.read()
		if err == io.EOF || err != nil && replies > 0 {
			closed.Add(1)
			return nil
		}
		if err != nil {
			return fmt.Errorf("kind %d: no reply before the end: %w", kind, err)
		}
		replies++
		switch {
		case reply.Number == want && reply.Type == proto.TypePing:
			lived.Add(1)
			if replies != 2 && kind != 6 {
				return fmt.Errorf("kind %d: %d replies to a refused upload and a ping", kind, replies)
			}
			return nil
		case replies > 1:
			return fmt.Errorf("kind %d: a second reply, of type %v number %d", kind, reply.Type, reply.Number)
		}
	}
}
