package reconcile

import (
	"strconv"
	"strings"

	"sluice/internal/proto"
)

const (
	maxLabel  = 64 // of a device's name in one
	maxSuffix = 32 // of what counts as a suffix
)

// ConflictName is the name of this device's version: "name (conflict DEVICE DATE).ext", with a number where that is taken.
// A folder's name has no suffix.
func ConflictName(name string, folder bool, device, date string, taken func(string) bool) string {
	stem, suffix := name, ""
	if i := strings.LastIndexByte(name, '.'); !folder && i > 0 && len(name)-i > 1 && len(name)-i <= maxSuffix {
		stem, suffix = name[:i], name[i:]
	}
	label := " (conflict " + proto.Cut(clean(device), maxLabel) + " " + proto.Cut(clean(date), maxLabel)
	for n := 1; ; n++ {
		end := ")" + suffix
		if n > 1 {
			end = " " + strconv.Itoa(n) + end
		}
		if try := proto.Cut(stem, proto.MaxName-len(label)-len(end)) + label + end; !taken(try) {
			return try
		}
	}
}

// clean makes of a device's name, which may be anything, what can be part of a file's name.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7f {
			return '-'
		}
		return r
	}, s)
}

// setAside gives n's local entry a conflict name in the folder where it is.
func (p *planner) setAside(n *node, why string) {
	local, remote := n.parent.e[here], n.parent.e[there]
	n.name = ConflictName(n.name, class(n.e[here]) != 2, p.o.Device, p.o.Date, func(name string) bool {
		if p.chosen[chosen{n.parent, name}] || local.Children[name] != nil {
			return true
		}
		return remote != nil && remote.Children[name] != nil
	})
	p.chosen[chosen{n.parent, n.name}] = true
	n.aside, n.whyPlace = true, why
}

// same looks at what stands on the server at the place of n's local entry, which is to make way for it: of equal content there
// is nothing to keep beside it (rule 8). It says whether that is so, or is still to be found out.
func (p *planner) same(n *node) bool {
	l, folder := n.e[here], p.of(n.e[here].Parent)
	f := folder.e[there]
	if f == nil || l.IsFolder() {
		return false
	}
	r := f.Children[l.Name]
	if r == nil || r == n.e[there] || p.of(r).shut {
		return false
	}
	switch equal(l, r) {
	case no:
		return false
	case maybe:
		n.todo, n.whyContent = Read, "another one has its name on the server: its content says whether that is a conflict"
	case yes:
		if p.found == nil {
			p.found = make(map[*Entry]*Entry)
		}
		p.found[l] = r
	}
	return true
}

// collide finds two that stay and want the same name: the server's gets it.
func (p *planner) collide(n *node) {
	var losers []*node
	for i := range n.kids {
		for j := i + 1; j < len(n.kids) && n.kids[j].name == n.kids[i].name; j++ {
			x, _ := p.rivals(n.kids[i], n.kids[j])
			if x != nil && n.kids[i].fate == live && n.kids[j].fate == live && !p.same(x) {
				losers = append(losers, x)
			}
		}
	}
	for _, x := range losers {
		p.setAside(x, "something else has this name on the server and keeps it: this one is kept beside it")
	}
	for _, k := range n.kids {
		if len(k.kids) > 0 {
			p.collide(k)
		}
	}
}

func quote(name string) string { return "\"" + name + "\"" }
