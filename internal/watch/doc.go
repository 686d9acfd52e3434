// Package watch tells which folders of a tree were changed, or which names in them, by inotify(7).
//
//	kernel queue ── read ── events ── settle ── Change{Dirty, Names, Deep, All}
//
// It tells where to look, never what happened: whoever is told reads the folders. So events may be merged, and what is
// lost in an overflow is made good by looking at everything.
//
// A watch belongs to a folder, not to a path, and so does what is kept here: a folder that is renamed keeps its watches
// and those of all below it. (That, and IN_DONT_FOLLOW, is why inotify is used as it is: github.com/fsnotify/fsnotify keeps
// watches by path and drops those below a renamed folder.)
//
// The package knows nothing of syncing; it follows no link and opens no file.
package watch
