package proto

import (
	"strings"
	"testing"
)

// The client's view: what a server that means harm, or is broken, may answer.

func TestHostileReplies(t *testing.T) {
	entry := `"node":5,"parent":1,"name":"x","kind":"file","size":6,"hash":` + hexHash + `,"mode":420,"mtime":0,"version":3`
	folder := `"node":5,"parent":1,"name":"x","kind":"folder","mode":420,"mtime":0,"version":3`
	root := `{"node":1,"kind":"folder","mode":420,"mtime":0,"version":3}`
	page := func(entries string) string { return `{"epoch":1,"journal":2,"entries":[` + entries + `]}` }
	hello := `"version":1,"server":` + hexKey
	account := `"account":"a","device":1,"namespace":1,"root":1`
	for _, c := range []struct {
		name string
		t    Type
		raw  string
		ok   bool
	}{
		{"hello of nobody", TypeHello, `{` + hello + `}`, true},
		{"hello of somebody", TypeHello, `{` + hello + `,` + account + `,"epoch":0,"journal":0}`, true},
		{"hello without a journal", TypeHello, `{` + hello + `,` + account + `,"epoch":0}`, false},
		{"hello without an account's name", TypeHello, `{` + hello + `,"device":1}`, false},
		{"hello with an epoch for nobody", TypeHello, `{` + hello + `,"epoch":0,"journal":0}`, false},
		{"hello with an account's name alone", TypeHello, `{` + hello + `,"account":"a"}`, false},
		{"hello with a server of 31 digits", TypeHello, `{"version":1,"server":"` + strings.Repeat("0", 31) + `"}`, false},
		{"an agent that moves the cursor", TypeHello, `{` + hello + `,"agent":"\u001b[2J"}`, false},
		{"a token that moves the cursor", TypeLogin, `{"token":"a\nb","device":1}`, false},
		{"an empty token", TypeLogin, `{"token":"","device":1}`, false},

		{"file", TypeList, page(`{` + entry + `}`), true},
		{"folder", TypeList, page(`{` + folder + `}`), true},
		{"folder with a hash", TypeList, page(`{` + folder + `,"hash":` + hexHash + `}`), false},
		{"folder with a size", TypeList, page(`{` + folder + `,"size":0}`), false},
		{"file without a hash", TypeList, page(`{` + strings.Replace(entry, `"hash":`+hexHash+`,`, "", 1) + `}`), false},
		{"file without a size", TypeList, page(`{` + strings.Replace(entry, `"size":6,`, "", 1) + `}`), false},
		{"file without a name", TypeList, page(`{` + strings.Replace(entry, `"name":"x",`, "", 1) + `}`), false},
		{"file without a parent", TypeList, page(`{` + strings.Replace(entry, `"parent":1,`, "", 1) + `}`), false},
		{"name that leaves the folder", TypeList, page(`{` + strings.Replace(entry, `"x"`, `"../x"`, 1) + `}`), false},
		{"name that is its parent", TypeList, page(`{` + strings.Replace(entry, `"x"`, `".."`, 1) + `}`), false},
		{"name with a NUL", TypeList, page(`{` + strings.Replace(entry, `"x"`, `"x\u0000"`, 1) + `}`), false},
		{"name in another spelling", TypeList, page(`{` + strings.Replace(entry, `"x"`, `"%78"`, 1) + `}`), false},
		{"mode with setuid", TypeList, page(`{` + strings.Replace(entry, `420`, `2541`, 1) + `}`), false},
		{"file of 16 TiB and a byte", TypeList, page(`{` + strings.Replace(entry, `"size":6`, `"size":17592186044417`, 1) + `}`), false},
		{"link", TypeList, page(`{` + strings.Replace(entry, "file", "link", 1) + `}`), true},
		{"link to nothing", TypeList, page(`{` + strings.Replace(strings.Replace(entry, "file", "link", 1), `"size":6`, `"size":0`, 1) + `}`), false},
		{"link of 4096 bytes", TypeList, page(`{` + strings.Replace(strings.Replace(entry, "file", "link", 1), `"size":6`, `"size":4096`, 1) + `}`), false},
		{"unknown kind", TypeList, page(`{` + strings.Replace(entry, "file", "fifo", 1) + `}`), false},
		{"root in a list", TypeList, page(root), false},
		{"deleted in a list", TypeList, page(`{"node":5,"version":3,"deleted":true}`), false},
		{"not deleted after all", TypeList, page(`{` + entry + `,"deleted":false}`), true},
		{"more of nothing", TypeList, `{"epoch":1,"journal":2,"more":true,"entries":[]}`, false},

		{"data in order", TypeExtents, `{"size":9,"end":9,"data":[{"offset":0,"length":2},{"offset":3,"length":6}]}`, true},
		{"data that touches", TypeExtents, `{"size":9,"end":9,"data":[{"offset":0,"length":2},{"offset":2,"length":6}]}`, false},
		{"data that goes back", TypeExtents, `{"size":9,"end":9,"data":[{"offset":5,"length":2},{"offset":0,"length":2}]}`, false},
		{"data past the end", TypeExtents, `{"size":9,"end":8,"data":[{"offset":5,"length":4}]}`, false},
		{"an end past the size", TypeExtents, `{"size":9,"end":10}`, false},
		{"no data", TypeExtents, `{"size":9,"end":9}`, true},
		{"data of no length", TypeExtents, `{"size":9,"end":9,"data":[{"offset":5,"length":0}]}`, false},

		{"root first", TypeStat, page(root), true},
		{"root then its child", TypeStat, page(root + `,{` + entry + `}`), true},
		{"root second", TypeStat, page(`{` + folder + `},` + root), false},
		{"child of another", TypeStat, page(root + `,{` + strings.Replace(entry, `"parent":1`, `"parent":2`, 1) + `}`), false},
		{"nothing", TypeStat, page(``), false},

		{"deleted", TypeChanges, page(`{"node":5,"version":3,"deleted":true}`), true},
		{"deleted with a name", TypeChanges, page(`{` + entry + `,"deleted":true}`), false},
		{"versions that fall", TypeChanges, page(`{"node":5,"version":3,"deleted":true},{"node":6,"version":2,"deleted":true}`), false},
		{"more of no changes", TypeChanges, `{"epoch":1,"journal":2,"more":true,"entries":[]}`, false},

		{"done", TypeCommit, `{"journal":1,"entries":[{"node":1,"version":1}]}`, true},
		{"done without a version", TypeCommit, `{"journal":1,"entries":[{"node":1}]}`, false},
		{"neither done nor failed", TypeCommit, `{"journal":1,"entries":[{}]}`, false},
		{"failed", TypeCommit, `{"journal":1,"entries":[{"code":12}]}`, true},
		{"failed with no code", TypeCommit, `{"journal":1,"entries":[{"node":1,"version":1,"message":"no"}]}`, false},
		{"code 0", TypeCommit, `{"journal":1,"entries":[{"code":0,"node":1,"version":1}]}`, false},
		{"code 65536", TypeCommit, `{"journal":1,"entries":[{"code":65536}]}`, false},

		{"object with neither size nor code", TypeGetObjects, `{"objects":[{}]}`, false},
		{"object over the limit", TypeGetObjects, `{"objects":[{"size":8388609}]}`, false},
		{"objects over the limit together", TypeGetObjects, `{"objects":[{"size":8388608},{"size":1}]}`, false},
		{"object over the limit, refused", TypeGetObjects, `{"objects":[{"size":8388609,"code":4}]}`, true},
		{"no objects", TypeGetObjects, `{"objects":[]}`, false},

		{"entry fails twice", TypePutObjects, `{"failed":[{"entry":1,"code":17},{"entry":1,"code":17}]}`, false},
		{"entry 1000", TypePutObjects, `{"failed":[{"entry":1000,"code":17}]}`, false},
		{"chunks of another size", TypeUploadOpen, `{"upload":1,"chunk":1}`, false},
		{"upload 0", TypeUploadOpen, `{"upload":0,"chunk":8388608}`, false},
		{"content of 16 TiB and a byte", TypeGet, `{"size":17592186044417}`, false},
		{"something in nothing", TypePing, `{"a":1}`, false},
	} {
		if _, err := Lookup(c.t).ParseReply([]byte(c.raw)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func sized(n int64) *Have { return &Have{Hashes: make([]Hash, 1), Sizes: []int64{n}} }

func TestAnswers(t *testing.T) {
	file := func(node, parent int64, name string) Entry {
		return Entry{Node: node, Parent: parent, Name: name, Kind: KindFile}
	}
	for _, c := range []struct {
		name           string
		t              Type
		request, reply Header
		body           uint64
		ok             bool
	}{
		{"a version that was offered", TypeHello, &Hello{Versions: []uint8{2, 1}}, &HelloReply{Version: 1}, 0, true},
		{"a version that was not", TypeHello, &Hello{Versions: []uint8{1}}, &HelloReply{Version: 2}, 0, false},
		{"an account without a token", TypeHello, &Hello{Versions: []uint8{1}}, &HelloReply{Version: 1, Account: "a"}, 0, false},
		{"a token without an account", TypeHello, &Hello{Versions: []uint8{1}, Token: "t"}, &HelloReply{Version: 1}, 0, false},
		{"a body to a ping", TypePing, &Ping{}, &PingReply{}, 1, false},
		{"8 bits for 8 hashes", TypeHave, &Have{Hashes: make([]Hash, 8)}, &HaveReply{Held: Bitmap{255}}, 0, true},
		{"8 bits for 9 hashes", TypeHave, &Have{Hashes: make([]Hash, 9)}, &HaveReply{Held: Bitmap{255}}, 0, false},
		{"16 bits for 8 hashes", TypeHave, &Have{Hashes: make([]Hash, 8)}, &HaveReply{Held: Bitmap{255, 0}}, 0, false},
		{"a bit for a hash that was not sent", TypeHave, &Have{Hashes: make([]Hash, 7)}, &HaveReply{Held: Bitmap{255}}, 0, false},
		{"a challenge", TypeHave, sized(LeastProof), &HaveReply{Bitmap{0}, []Challenge{{Index: 0}}}, 0, true},
		{"a challenge for what is held", TypeHave, sized(LeastProof), &HaveReply{Bitmap{1}, []Challenge{{Index: 0}}}, 0, false},
		{"a challenge for a small content", TypeHave, sized(LeastProof - 1), &HaveReply{Bitmap{0}, []Challenge{{Index: 0}}}, 0, false},
		{"a challenge for what was not asked", TypeHave, sized(LeastProof), &HaveReply{Bitmap{0}, []Challenge{{Index: 1}}}, 0, false},
		{"a challenge without sizes", TypeHave, &Have{Hashes: make([]Hash, 1)}, &HaveReply{Bitmap{0}, []Challenge{{Index: 0}}}, 0, false},
		{"9 bits for 9 proofs", TypeProve, &Prove{make([]Proof, 9)}, &ProveReply{Bitmap{255, 1}}, 0, true},
		{"10 bits for 9 proofs", TypeProve, &Prove{make([]Proof, 9)}, &ProveReply{Bitmap{255, 2}}, 0, false},
		{"a failure of what was sent", TypePutObjects, &PutObjects{make([]Object, 2)}, &PutObjectsReply{[]EntryError{{Entry: 1}}}, 0, true},
		{"a failure of what was not", TypePutObjects, &PutObjects{make([]Object, 2)}, &PutObjectsReply{[]EntryError{{Entry: 2}}}, 0, false},
		{"no chunk present", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{}, 0, true},
		{"5 of 5 chunks present", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{Present: Bitmap{31}}, 5 * ValueHint, true},
		{"5 chunks present, and 4 hints", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{Present: Bitmap{31}}, 4 * ValueHint, false},
		{"a hint of nothing", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{}, ValueHint, false},
		{"6 of 5 chunks present", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{Present: Bitmap{63}}, 6 * ValueHint, false},
		{"a map for 16 chunks of 5", TypeUploadOpen, &UploadOpen{Size: 5 * ChunkSize}, &UploadOpenReply{Present: Bitmap{31, 0}}, 5 * ValueHint, false},
		{"chunks of an upload of open size", TypeUploadOpen, &UploadOpen{Size: -1}, &UploadOpenReply{Present: Bitmap{1, 1}}, 2 * ValueHint, true},

		{"the upload asked for", TypeUploadOpen, &UploadOpen{Size: -1, Upload: 3}, &UploadOpenReply{Upload: 3}, 0, true},
		{"another upload", TypeUploadOpen, &UploadOpen{Size: -1, Upload: 3}, &UploadOpenReply{Upload: 4}, 0, false},

		{"a page of uploads", TypeUploads, &Uploads{After: 3}, &UploadsReply{Uploads: []Unfinished{{Upload: 4}}, More: true}, 0, true},
		{"uploads told before", TypeUploads, &Uploads{After: 3}, &UploadsReply{Uploads: []Unfinished{{Upload: 3}}}, 0, false},
		{"more of no uploads", TypeUploads, &Uploads{}, &UploadsReply{More: true}, 0, false},
		{"an entry for each block", TypeSignature, &SignatureRequest{Block: LeastBlock, Count: 9}, &SignatureReply{Size: 3*LeastBlock + 1}, 4 * BlockEntry, true},
		{"an entry too few", TypeSignature, &SignatureRequest{Block: LeastBlock, Count: 9}, &SignatureReply{Size: 3*LeastBlock + 1}, 3 * BlockEntry, false},
		{"blocks that were not asked for", TypeSignature, &SignatureRequest{Block: LeastBlock, Count: 3}, &SignatureReply{Size: 4 * LeastBlock}, 4 * BlockEntry, false},
		{"blocks past the end", TypeSignature, &SignatureRequest{Block: LeastBlock, First: 9, Count: 3}, &SignatureReply{Size: 4 * LeastBlock}, 0, true},
		{"all of the data", TypeExtents, &Extents{}, &ExtentsReply{Size: 9, End: 9, Data: []Extent{{0, 9}}}, 0, true},
		{"data before what was asked for", TypeExtents, &Extents{Offset: 5}, &ExtentsReply{Size: 9, End: 9, Data: []Extent{{0, 9}}}, 0, false},
		{"extents that stand still", TypeExtents, &Extents{Offset: 5}, &ExtentsReply{Size: 9, End: 5}, 0, false},
		{"a fate too few", TypeCommit, &Commit{Changes: make([]Change, 2)}, &CommitReply{Entries: make([]Changed, 1)}, 0, false},
		{"a fate too many", TypeCommit, &Commit{Changes: make([]Change, 2)}, &CommitReply{Entries: make([]Changed, 3)}, 0, false},
		{"another name", TypeStat, &Stat{Path: []string{"a"}}, &StatReply{Entries: []Entry{{Node: 1}, file(2, 1, "b")}}, 0, false},
		{"another node", TypeStat, &Stat{Node: 7}, &StatReply{Entries: []Entry{{Node: 1}}}, 0, false},
		{"names beyond the path", TypeStat, &Stat{Path: []string{"a"}}, &StatReply{Entries: []Entry{{Node: 1}, file(2, 1, "a"), file(3, 2, "b")}}, 0, false},
		{"a part of the path", TypeStat, &Stat{Path: []string{"a", "b"}}, &StatReply{Entries: []Entry{{Node: 1}, file(2, 1, "a")}}, 0, true},
		{"the whole content", TypeGet, &Get{Length: -1}, &GetReply{6}, 6, true},
		{"the range", TypeGet, &Get{Offset: 2, Length: 3}, &GetReply{6}, 3, true},
		{"the range cut at the end", TypeGet, &Get{Offset: 4, Length: 3}, &GetReply{6}, 2, true},
		{"nothing behind the end", TypeGet, &Get{Offset: 7, Length: 3}, &GetReply{6}, 0, true},
		{"a byte too few", TypeGet, &Get{Length: -1}, &GetReply{6}, 5, false},
		{"a byte too many", TypeGet, &Get{Offset: 2, Length: 3}, &GetReply{6}, 4, false},
		{"more objects than were asked for", TypeGetObjects, &GetObjects{make([]Hash, 1)}, &GetObjectsReply{make([]GotObject, 2)}, 0, false},
		{"sizes that do not sum", TypeGetObjects, &GetObjects{make([]Hash, 2)}, &GetObjectsReply{[]GotObject{{Size: 2}, {Size: 3}}}, 4, false},
		{"a refused object has no bytes", TypeGetObjects, &GetObjects{make([]Hash, 2)}, &GetObjectsReply{[]GotObject{{Size: 2}, {Size: 3, Code: TooLarge}}}, 2, true},
	} {
		if e := Lookup(c.t).Answers(c.request, c.reply, c.body); (e == nil) != c.ok {
			t.Errorf("%s: %v", c.name, e)
		}
	}
}
