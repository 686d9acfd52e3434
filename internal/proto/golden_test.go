package proto

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// -update writes the golden and hostile frames anew: only for a deliberate change of the protocol.
var update = flag.Bool("update", false, "write testdata/proto")

const golden = "../../testdata/proto"

// sample is one exchange of a type, whose frames are kept as NAME.request and NAME.reply.
type sample struct {
	request     Header
	requestBody string
	reply       Header
	replyBody   string
}

func unhexed(s string) (h Hash) {
	if !decodeHex(h[:], s) {
		panic("not a hash: " + s)
	}
	return h
}

// The hashes of the contents that the samples speak of.
var (
	emptyHash = unhexed("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262") // no bytes
	helloHash = unhexed("8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99") // "hello\n"
	linkHash  = unhexed("705604413616ce1a17ff377b221ab4ff01c795c8dc9e548f5e7d7a687a5f1bac") // "main.go", a link's target
	largeHash = unhexed("17c807acefd2a8b3b5ac0efa4ef90b3a7bc84657d7786c33abfbf9769c5839df") // 8 MiB of zeros, then "tail\n"
	tailValue = unhexed("57691823491bea928164303f1482fc65a3976bbd5c7708c747df54ff028defea") // chunk 1 of that
)

const (
	largeSize   = ChunkSize + 5
	sampleToken = "b3f9c1d2e4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff"
)

// sampleNonce ends on 1 January 2030; its MAC is made up.
var sampleNonce = append(sampleKey[:], unhexedBytes("1a46e83335d50000"+"17c807acefd2a8b3b5ac0efa4ef90b3a7bc84657d7786c33abfbf9769c5839df")...)

// sampleTags are of the 9 ranges that a content of largeSize is proven in; they are made up.
func sampleTags() (tags []byte) {
	for i := range byte(9) {
		tags = append(tags, bytes.Repeat([]byte{0xA0 + i}, TagLen)...)
	}
	return tags
}

func unhexedBytes(s string) []byte {
	b := make([]byte, len(s)/2)
	if !decodeHex(b, s) {
		panic("not bytes: " + s)
	}
	return b
}

var sampleKey = Key{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}

// samples has one row for every row of Types: a type without one fails TestGolden.
var samples = map[Type]sample{
	TypeHello: {
		request: &Hello{Versions: []uint8{1}, Token: sampleToken, Agent: "sluice 0.1"},
		reply: &HelloReply{Version: 1, Server: "5f0c6a1e9b7d4c3f8a2b1c0d9e8f7a6b", Agent: "sluiced 0.1", Account: "anna",
			Device: 7, Namespace: 3, Root: 12, Epoch: 8231904423, Journal: 41},
	},
	TypePing:  {request: &Ping{}, reply: &PingReply{}},
	TypeLogin: {request: &Login{User: "anna", Password: "correct \"horse\"", Device: "laptop"}, reply: &LoginReply{Token: sampleToken, Device: 7}},
	TypeDeviceRevoke: {
		request: &DeviceRevoke{Key: sampleKey, Device: 6},
		reply:   &DeviceRevokeReply{},
	},
	TypeQuota: {request: &Quota{}, reply: &QuotaReply{Used: 1 << 40, Held: 6, Limit: 2 << 40}},
	TypeHave: {
		request: &Have{Hashes: []Hash{emptyHash, largeHash, helloHash}, Sizes: []int64{0, largeSize, 6}},
		reply:   &HaveReply{Held: Bitmap{0b101}, Challenges: []Challenge{{Index: 1, Nonce: sampleNonce}}},
	},
	TypeProve: {
		request: &Prove{Proofs: []Proof{{Hash: largeHash, Size: largeSize, Nonce: sampleNonce, Tags: sampleTags()}}},
		reply:   &ProveReply{Linked: Bitmap{1}},
	},
	TypePutObjects: {
		request:     &PutObjects{Objects: []Object{{emptyHash, 0}, {helloHash, 6}, {linkHash, 7}}},
		requestBody: "hello\nMAIN.GO",
		reply:       &PutObjectsReply{Failed: []EntryError{{2, HashMismatch, "the bytes are not what their hash says"}}},
	},
	TypeUploadOpen: {
		request:   &UploadOpen{Key: sampleKey, Size: largeSize, Probe: &sampleProbe, Label: "zeros \xff.img", Sparse: true, Own: true, After: 17},
		reply:     &UploadOpenReply{Upload: 19, Chunk: ChunkSize, Found: true, Present: Bitmap{0b01}},
		replyBody: "\xd1\xb2\x7c\x83\x02\x47\xd3\xe7",
	},
	TypeUploadChunk: {
		request:     &UploadChunk{Upload: 19, Index: 1, Value: tailValue},
		requestBody: "tail\n",
		reply:       &UploadChunkReply{Present: true},
	},
	TypeUploadSeal: {
		request: &UploadSeal{Key: sampleKey, Upload: 19, Size: largeSize, Hash: largeHash},
		reply:   &UploadSealReply{},
	},
	TypeProbe: {
		request: &ProbeRequest{Size: largeSize, Probe: sampleProbe},
		reply:   &ProbeReply{Held: &largeHash, Relative: &largeHash, RelativeSize: largeSize, Partial: true},
	},
	TypeSignature: {
		request:   &SignatureRequest{Hash: largeHash, Block: LeastBlock, First: 127, Count: 4},
		reply:     &SignatureReply{Size: largeSize},
		replyBody: "\xc6\x57\xdf\x1d\x29\x2d\xe9\x63\x00\x00\x00\x00\xdf\x4e\xb0\x0f",
	},
	TypeExtents: {
		request: &Extents{Hash: largeHash, Offset: 4096},
		reply:   &ExtentsReply{Size: largeSize, End: largeSize, Data: []Extent{{Offset: ChunkSize, Length: 5}}},
	},
	TypeAssemble: {
		request: &UploadAssemble{Upload: 19, Index: 1, Value: tailValue, From: []Hash{largeHash, helloHash}, Ranges: []Range{
			{Length: 2, Offset: ChunkSize}, {Kind: Literal, Length: 2}, {Length: 1, From: 1, Offset: 5}}},
		requestBody: "il",
		reply:       &UploadAssembleReply{Present: true},
	},
	TypeCommit: {
		request: &Commit{Key: sampleKey, Journal: 41, Changes: []Change{
			{Op: OpMkdir, Parent: Place{Node: 12}, Name: "docs", Mode: 0o755, Mtime: 1763755200000000000, Expect: 0, ExpectNode: ExpectAny},
			{Op: OpPut, Parent: Place{Entry: 0}, Name: "100% caf\xc3\xa9 \xff.txt", Kind: KindFile, Hash: helloHash, Size: 6,
				Mode: 0o644, Mtime: 1763755200123456789, Expect: 0, ExpectNode: ExpectAny},
			{Op: OpPut, Parent: Place{Node: 12}, Name: "a link", Kind: KindLink, Hash: linkHash, Size: 7, Mode: 0o777,
				Mtime: -1, Expect: ExpectAny, ExpectNode: ExpectAny},
			{Op: OpSet, Node: 13, Mode: 0o700, Mtime: 0, Expect: 39, ExpectNode: ExpectAny},
			{Op: OpMove, Node: 14, Parent: Place{Node: 12}, Name: "new\nline", Expect: 0, ExpectNode: 40},
			{Op: OpCopy, Node: 15, Parent: Place{Entry: 0}, Name: "copy", Expect: 0, ExpectNode: ExpectAny},
			{Op: OpDelete, Node: 16, Expect: 38, ExpectNode: ExpectAny, Recursive: true},
		}},
		reply: &CommitReply{Journal: 47, Entries: []Changed{
			{Node: 20, Version: 42}, {Node: 21, Version: 43}, {Node: 22, Version: 44}, {Node: 13, Version: 45},
			{Node: 14, Version: 46}, {Node: 23, Version: 47},
			{Node: 16, Version: 41, Code: Conflict, Message: "another version stands there"},
		}},
	},
	TypeList: {
		request: &List{Namespace: 3, Node: 12, Recursive: true, After: 20, At: 1763755200000000000},
		reply:   &ListReply{Epoch: 8231904423, Journal: 47, More: true, Entries: sampleEntries[1:]},
	},
	TypeStat: {
		request: &Stat{Path: []string{"docs", "100% caf\xc3\xa9 \xff.txt", "no such name"}},
		reply:   &StatReply{Epoch: 8231904423, Journal: 47, Entries: sampleEntries[:3]},
	},
	TypeChanges: {
		request: &Changes{Epoch: 8231904423, Since: 41, WaitMs: 30000},
		reply: &ChangesReply{Epoch: 8231904423, Journal: 48, Entries: append(append([]Entry{}, sampleEntries...),
			Entry{Node: 16, Version: 48, Deleted: true})},
	},
	TypeVersions: {
		request: &Versions{Namespace: 3, Path: []string{"docs", "a"}, Before: 50},
		reply:   &VersionsReply{Epoch: 8231904423, Journal: 48, More: true, Versions: sampleVersions},
	},
	TypeLog: {
		request: &Log{Namespace: 3, Node: 20, Before: 50, Since: 1763755000000000000},
		reply: &LogReply{Epoch: 8231904423, Journal: 48, Next: 41, Events: []Event{
			{Number: 48, What: EventDeleted, Node: 16, Kind: KindFolder, Path: "docs/100% caf\xc3\xa9 \xff", At: 1763755200123456789, Device: "laptop"},
			{Number: 47, What: EventMoved, Node: 14, Kind: KindFile, Size: 6, Path: "docs/new", From: "old\nline", At: 1763755200123456789},
			{Number: 41, What: EventPut, Node: 17, Kind: KindLink, Size: 7, Path: "l", At: 1763755100123456789, Device: "desk"},
		}},
	},
	TypeTrash: {
		request: &Trash{Namespace: 3, Before: 49},
		reply: &TrashReply{Epoch: 8231904423, Journal: 48, More: true, Names: []Trashed{
			{Number: 48, Node: 16, Kind: KindFolder, Size: 600, Names: 7, Path: "docs/x", At: 1763755200123456789, Device: "laptop"},
			{Number: 39, Node: 15, Kind: KindFile, Size: 6, Path: "a", At: 1763755000123456789},
		}},
	},
	TypeRestore: {
		request: &Restore{Key: sampleKey, Namespace: 3, Node: 20, Path: []string{"100% caf\xc3\xa9"}, At: 1763755200000000000, Parent: 12, Name: "back",
			Exact: true, Dry: true},
		reply: &RestoreReply{Journal: 60, Node: 20, Version: 49, Made: 10, Replaced: 2, Deleted: 1},
	},
	TypeTrashEmpty: {
		request: &TrashEmpty{Key: sampleKey, Namespace: 3, Before: 1763755200000000000, Dry: true},
		reply:   &TrashEmptyReply{Names: 12},
	},
	TypeGet: {
		request:   &Get{Hash: helloHash, Offset: 1, Length: 3},
		reply:     &GetReply{Size: 6},
		replyBody: "ell",
	},
	TypeGetObjects: {
		request:   &GetObjects{Hashes: []Hash{helloHash, emptyHash, largeHash, linkHash, helloHash}},
		reply:     &GetObjectsReply{Objects: []GotObject{{Size: 6}, {Size: 0}, {Code: TooLarge, Size: largeSize}, {Code: NotFound}}},
		replyBody: "hello\n",
	},
	TypeUploads: {
		request: &Uploads{After: 18},
		reply: &UploadsReply{More: true, Uploads: []Unfinished{
			{Upload: 19, Size: largeSize, Present: ChunkSize, Label: "zeros \xff.img", Device: "laptop", Began: 1763755200000000000, Touched: 1763755260000000000},
			{Upload: 23, Size: -1, Present: 0, Began: 1763755200000000001, Touched: 1763755200000000001},
		}},
	},
	TypeUploadCancel: {
		request: &UploadCancel{Key: sampleKey, Upload: 19},
		reply:   &UploadCancelReply{},
	},
}

// sampleProbe is that of the content of largeHash.
var sampleProbe = Probe{
	Head:   Key{0x3b, 0xde, 0xaf, 0x8f, 0x8e, 0x98, 0x78, 0x0b, 0x31, 0x81, 0x06, 0xaa, 0xfd, 0xc3, 0xca, 0x25},
	Middle: Key{0x3b, 0xde, 0xaf, 0x8f, 0x8e, 0x98, 0x78, 0x0b, 0x31, 0x81, 0x06, 0xaa, 0xfd, 0xc3, 0xca, 0x25},
	Tail:   Key{0xbf, 0x94, 0xea, 0x60, 0x2c, 0xa6, 0x36, 0x38, 0x84, 0x98, 0x04, 0x2d, 0x62, 0x1f, 0xf0, 0x19},
}

var sampleVersions = []KeptVersion{
	{Entry: Entry{Node: 21, Parent: 20, Name: "a", Kind: KindFile, Size: 6, Mode: 0o644, Mtime: -3, Version: 43, Hash: helloHash},
		Made: 1763755200123456789, By: "laptop"},
	{Entry: Entry{Node: 21, Parent: 20, Name: "a", Kind: KindLink, Size: 7, Mode: 0o777, Mtime: 1, Version: 40, Hash: linkHash},
		Made: 1763755100123456789, By: "laptop", Until: 43, Ended: 1763755200123456789, How: EndedReplaced, Ending: "desk"},
	{Entry: Entry{Node: 17, Parent: 20, Name: "a", Kind: KindFolder, Mode: 0o755, Mtime: 1, Version: 20},
		Until: 39, Ended: 1763755000123456789, How: EndedDeleted},
}

var sampleEntries = []Entry{
	{Node: 12, Kind: KindFolder, Mode: 0o755, Mtime: 1763755200000000000, Version: 41},
	{Node: 20, Parent: 12, Name: "docs", Kind: KindFolder, Mode: 0o755, Mtime: 1763755200000000000, Version: 42},
	{Node: 21, Parent: 20, Name: "100% caf\xc3\xa9 \xff.txt", Kind: KindFile, Size: 6, Mode: 0o644, Mtime: 1763755200123456789, Version: 43, Hash: helloHash},
	{Node: 22, Parent: 12, Name: "a link", Kind: KindLink, Size: 7, Mode: 0o777, Mtime: -1, Version: 44, Hash: linkHash},
}

// sampleErrors are kept as NAME.reply, with the type, number and flags they answer.
var sampleErrors = []struct {
	name string
	p    Prelude
	err  *Error
}{
	{"error", Prelude{Type: TypeCommit, Number: 20, Flags: FlagReply | FlagError},
		&Error{Code: Conflict, Message: "another version stands there", Entry: 3}},
	{"error-closing", Prelude{Type: TypeLogin, Number: 3, Flags: FlagReply | FlagError | FlagClosing},
		&Error{Code: TooManyTries, Message: "too many failed log-ins", Entry: -1, RetryMs: 4000}},
	{"error-prelude", Prelude{Flags: FlagReply | FlagError | FlagClosing}, Errorf(BadPrelude, "wrong magic")},
}

// frame puts a prelude with the right lengths in front of header and body.
func frame(p Prelude, header []byte, body string) []byte {
	p.Version = Version
	p.HeaderLen = uint32(len(header))
	p.BodyLen = uint64(len(body))
	return append(append(p.Append(nil), header...), body...)
}

// kept compares a frame with the kept one, or writes it.
func kept(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join(golden, name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("no golden frame: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the code writes\n%q\nthe golden frame is\n%q", name, got, want)
	}
	return want
}

// split takes a frame apart, as the lengths in its prelude say.
func split(t *testing.T, frame []byte) (Prelude, []byte, []byte) {
	t.Helper()
	p, err := ParsePrelude(frame)
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(frame)) != PreludeLen+uint64(p.HeaderLen)+p.BodyLen {
		t.Fatalf("frame of %d bytes, its prelude says %+v", len(frame), p)
	}
	return p, frame[PreludeLen : PreludeLen+p.HeaderLen], frame[PreludeLen+p.HeaderLen:]
}

func TestGolden(t *testing.T) {
	for i := range Types {
		row := &Types[i]
		t.Run(row.Name, func(t *testing.T) {
			s, ok := samples[row.Type]
			if !ok {
				t.Fatal("no sample: a type needs one")
			}
			sent := Prelude{Type: row.Type, Number: uint32(row.Type)}

			request := kept(t, row.Name+".request", frame(sent, s.request.Append(nil), s.requestBody))
			p, raw, body := split(t, request)
			if found, err := p.CheckRequest(); err != nil || found != row {
				t.Fatalf("prelude: %v, %v", found, err)
			}
			h, err := row.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(h, s.request) {
				t.Errorf("request read as\n%+v\nwant\n%+v", h, s.request)
			}
			if e := row.Body(h, uint64(len(body))); e != nil {
				t.Errorf("body: %v", e)
			}
			// What length a chunk has only the store knows.
			if e := row.Body(h, uint64(len(body))+1); e == nil && row.Type != TypeUploadChunk {
				t.Error("a body one byte too long was let through")
			}

			answer := sent
			answer.Flags = FlagReply
			reply := kept(t, row.Name+".reply", frame(answer, s.reply.Append(nil), s.replyBody))
			q, raw, body := split(t, reply)
			if err := q.CheckReply(p); err != nil {
				t.Fatal(err)
			}
			r, err := row.ParseReply(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(r, s.reply) {
				t.Errorf("reply read as\n%+v\nwant\n%+v", r, s.reply)
			}
			if e := row.Answers(h, r, uint64(len(body))); e != nil {
				t.Errorf("answers: %v", e)
			}
			if e := row.Answers(h, r, uint64(len(body))+1); e == nil {
				t.Error("a reply body one byte too long was let through")
			}
		})
	}
}

func TestGoldenErrors(t *testing.T) {
	for _, s := range sampleErrors {
		p, raw, _ := split(t, kept(t, s.name+".reply", frame(s.p, s.err.Append(nil), "")))
		if err := p.CheckReply(Prelude{Type: max(s.p.Type, TypePing), Number: s.p.Number}); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		e, err := ParseError(raw)
		if err != nil || *e != *s.err {
			t.Errorf("%s: read as %+v, %v; want %+v", s.name, e, err, s.err)
		}
	}
}

// TestNoStrayGolden fails for frames of types that are gone.
func TestNoStrayGolden(t *testing.T) {
	wanted := map[string]bool{"README.md": true, "hostile.txt": true}
	for i := range Types {
		wanted[Types[i].Name+".request"] = true
		wanted[Types[i].Name+".reply"] = true
	}
	for _, s := range sampleErrors {
		wanted[s.name+".reply"] = true
	}
	files, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !wanted[f.Name()] && !strings.HasPrefix(f.Name(), ".") {
			t.Errorf("%s belongs to nothing", f.Name())
		}
	}
}
