package reconcile

// Do is what a step does.
type Do uint8

const (
	// Only what is remembered changes.
	Agree  Do = 1 + iota // both sides are the same: remember them (Local and Remote)
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
	DownMkdir  // make the folder (Remote)
	DownMove   // give the local entry (Local) the place of Remote
	DownFetch  // fetch the content of Remote: over the local entry (Local), or under a new name (Local nil)
	DownSet    // give the local entry (Local) the mode and time of Remote
	DownDelete // delete the local entry (Local): a file, or a folder that is empty by then

	// A person has to look.
	Aside // rename the local entry (Local) to Name, in its folder: Remote keeps the name it wanted. What is renamed is sent as new.
)

// Step is one thing to be done. The entries are those of the three trees; nil where a tree has none.
type Step struct {
	Do     Do
	Local  *Entry
	Remote *Entry
	Agreed *Entry
	Name   string // Aside: the new name
	Why    string // the rule that decides, in the user's words: what `explain` shows
}
