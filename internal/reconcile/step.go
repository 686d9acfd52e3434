package reconcile

// Do is what a step does.
type Do uint8

const (
	// Only what is remembered changes.
	Agree  Do = 1 + iota // both sides are the same one: remember them (Local and Remote, of two modes Remote's), Local has Remote's number
	Forget               // both sides are gone: forget (Agreed)

	// Needed before more can be said.
	Read // read the local file: whether it conflicts depends on its content (Local); then plan anew

	// On the server. The place is Local's own: its parent's number and its name.
	UpMkdir  // make the folder (Local), which takes the new node's number
	UpMove   // give the node (Remote) the place of Local
	UpPut    // send the content of Local: to the node Remote, or under a new name (Remote nil)
	UpSet    // give the node (Remote) the mode and time of Local
	UpDelete // delete the node (Remote): a file, or a folder that is empty by then

	// Here. The place is Remote's own.
	DownMkdir  // make the folder (Remote), such that its owner may fill it: where its mode says otherwise a DownSet follows
	DownMove   // give the local entry (Local) the place of Remote
	DownFetch  // fetch the content of Remote: over the local entry (Local), or under a new name (Local nil)
	DownSet    // give the local entry (Local) the mode and time of Remote
	DownDelete // delete the local entry (Local): a file, or a folder that is empty by then

	// Names change places in a circle: one of them makes room. Name is its place for a moment, in the root; its UpMove or
	// DownMove follows.
	UpMoveAside
	DownMoveAside

	// A person has to look.
	Aside // rename the local entry (Local) to Name, in its folder: the server's keeps the name it had
)

// Step is one thing to be done. The entries are those of the three trees; nil where a tree has none. Places are those the
// entries have when the step's turn comes: an entry that an earlier step moved has its new one, and the folder of an entry
// is found by its number.
//
// After a put, a fetch, a set or a folder made both sides are the same in everything; after a move they have the same place.
//
// Agreed is what was remembered. A step that has made both sides the same replaces it, also where the number is another one
// by then (what was kept is made anew on the server, or stands for what replaced it): what is remembered of things in a
// folder is of things in the one with the new number then. An Aside with Agreed says that the
// local entry is no longer that node: forget Agreed first, then rename. An Aside without keeps its number, if it has one.
type Step struct {
	Do     Do
	Local  *Entry
	Remote *Entry
	Agreed *Entry
	Name   string // Aside, UpMoveAside, DownMoveAside: the new name
	Why    string // the rule that decides, in the user's words: what `explain` shows
}
