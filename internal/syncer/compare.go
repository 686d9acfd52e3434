package syncer

import (
	"sluice/internal/proto"
)

// Rules say when two names are equal and what may be removed.
type Rules struct {
	Delete     bool // what only the target holds is removed
	TrustTimes bool // equal size and mtime mean equal contents, as rsync takes it; otherwise contents are compared
	KeepRoot   bool // the target's root keeps its mode and time
}

// Step is a source name and what stands at its place in the target; nil: nothing.
type Step struct {
	Src, Dst *Node
	Differs  bool // folders: mode or mtime are not the same
}

// Plan is what must be done to make the target hold what the source holds.
type Plan struct {
	Folders []Step  // all source folders, parents first; Dst nil: to be made
	Clear   []*Node // of the target, in the way of a name of another kind: to be deleted first
	Files   []Step  // files and links to be sent or fetched, folder by folder
	Checks  []Step  // files of equal size whose contents must be compared first
	Sets    []Step  // files and links that differ in mode or mtime only
	Deletes []*Node // of the target; a folder stands for all below it
	Blocked []Problem

	Unchanged      int64 // files and links
	UnchangedBytes int64
	Excluded       int64

	DeletedFiles int // names that are no folders in Clear and Deletes
	TargetFiles  int // names that are no folders in the target
}

// Compare makes the plan. dst nil: the target does not exist.
func Compare(src, dst *Node, rules Rules) *Plan {
	c := comparer{rules: rules}
	if dst != nil {
		c.plan.TargetFiles, _ = dst.count()
	}
	c.folder(src, dst)
	if rules.KeepRoot {
		c.plan.Folders[0].Differs = false
	}
	for _, list := range [2][]*Node{c.plan.Clear, c.plan.Deletes} {
		for _, n := range list {
			files, _ := n.count()
			c.plan.DeletedFiles += files
		}
	}
	return &c.plan
}

type comparer struct {
	rules Rules
	plan  Plan
}

// folder compares two folders: first their files, then what is below, so that the files of a folder stay neighbours.
func (c *comparer) folder(src, dst *Node) {
	step := Step{Src: src, Dst: dst}
	var old []Node
	if dst != nil {
		step.Differs = src.Mode != dst.Mode || src.Mtime != dst.Mtime
		old = dst.Children
	}
	c.plan.Folders = append(c.plan.Folders, step)
	if dst != nil && dst.Unknown {
		return // reported by the scan; what it holds is not known, so nothing is put there
	}
	var below []Step
	c.pairs(src.Children, old, func(s, d *Node) {
		switch {
		case s == nil:
			c.extra(src, d)
		case s.Excluded || d != nil && d.Excluded:
			c.plan.Excluded++
		case s.Kind == kindSpecial || s.Unknown && !s.IsFolder():
			// Reported by the scan. What the target holds under this name stays.
		default:
			d, ok := c.clear(s, d)
			if !ok {
				return
			}
			if s.IsFolder() {
				below = append(below, Step{Src: s, Dst: d})
				return
			}
			c.file(s, d)
		}
	})
	for _, b := range below {
		c.folder(b.Src, b.Dst)
	}
}

// pairs walks two lists sorted by name side by side.
func (c *comparer) pairs(src, dst []Node, each func(s, d *Node)) {
	i, j := 0, 0
	for i < len(src) || j < len(dst) {
		switch {
		case j == len(dst) || i < len(src) && src[i].Name < dst[j].Name:
			each(&src[i], nil)
			i++
		case i == len(src) || src[i].Name > dst[j].Name:
			each(nil, &dst[j])
			j++
		default:
			each(&src[i], &dst[j])
			i++
			j++
		}
	}
}

// clear deals with what stands in the way of s. It returns what s replaces, and false if s cannot be put.
func (c *comparer) clear(s, d *Node) (*Node, bool) {
	if d == nil || s.IsFolder() == d.IsFolder() && d.Kind != kindSpecial {
		return d, true
	}
	if c.rules.Delete && d.whole() {
		c.plan.Clear = append(c.plan.Clear, d)
		return nil, true
	}
	reason := "a folder stands where a file is to go: remove it, or use --delete"
	switch {
	case d.Kind == kindSpecial:
		reason = "a socket, pipe or device stands where it is to go: remove it"
	case s.IsFolder():
		reason = "a file stands where a folder is to go: remove it, or use --delete"
	case c.rules.Delete:
		reason = "a folder stands where a file is to go, and something in it is excluded, special or could not be read: remove it"
	}
	c.plan.Blocked = append(c.plan.Blocked, Problem{Path: s.Path(), Reason: reason})
	return nil, false
}

// extra deals with what only the target holds.
func (c *comparer) extra(src, d *Node) {
	if d.Excluded {
		c.plan.Excluded++
		return
	}
	if !c.rules.Delete || src.Unknown || d.Unknown {
		return
	}
	if d.whole() {
		c.plan.Deletes = append(c.plan.Deletes, d)
		return
	}
	for i := range d.Children {
		c.extra(src, &d.Children[i])
	}
}

// file compares two names that are no folders.
func (c *comparer) file(s, d *Node) {
	switch {
	case d == nil || s.Kind != d.Kind:
		c.plan.Files = append(c.plan.Files, Step{Src: s, Dst: d})
	case s.Hashed && d.Hashed:
		if s.Hash != d.Hash {
			c.plan.Files = append(c.plan.Files, Step{Src: s, Dst: d})
			return
		}
		c.same(s, d)
	case s.Size != d.Size:
		c.plan.Files = append(c.plan.Files, Step{Src: s, Dst: d})
	case !c.rules.TrustTimes:
		c.plan.Checks = append(c.plan.Checks, Step{Src: s, Dst: d})
	case s.Mtime != d.Mtime:
		c.plan.Files = append(c.plan.Files, Step{Src: s, Dst: d})
	default:
		c.same(s, d)
	}
}

// same is for equal contents.
func (c *comparer) same(s, d *Node) {
	if sameFacts(s, d) {
		if s.Copied { // told as that
			return
		}
		c.plan.Unchanged++
		c.plan.UnchangedBytes += s.Size
		return
	}
	c.plan.Sets = append(c.plan.Sets, Step{Src: s, Dst: d})
}

// sameFacts compares mode and mtime; a link's mode means nothing.
func sameFacts(a, b *Node) bool {
	return a.Mtime == b.Mtime && (a.Mode == b.Mode || a.Kind == proto.KindLink)
}
