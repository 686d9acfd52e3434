package syncer

import (
	"path"
	"strings"
)

// Filter says which paths are left alone: gitignore's rules, relative to the root of the tree. The last pattern that
// matches decides; what is below an excluded folder cannot be included again. (github.com/sabhiram/go-gitignore, the
// usual library, takes `?` for a literal and lets `*` at the front cross folders, so the rules are implemented here.)
type Filter struct{ patterns []pattern }

type pattern struct {
	text     string
	not      bool // begins with `!`: include again
	folder   bool // ends with `/`: folders only
	anchored bool // holds a `/`: matched against the whole path, else against the name alone
	plain    bool // no wildcard: compared as a string
}

// Add appends one line as it would stand in a .gitignore file. Blank lines and comments are skipped.
func (f *Filter) Add(line string) {
	line = strings.TrimSuffix(line, "\n")
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || line[0] == '#' {
		return
	}
	var p pattern
	if line[0] == '!' {
		p.not = true
		line = line[1:]
	}
	if strings.HasSuffix(line, "/") {
		p.folder = true
		line = line[:len(line)-1]
	}
	p.anchored = strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return
	}
	p.text = line
	p.plain = !strings.ContainsAny(line, `*?[\`)
	f.patterns = append(f.patterns, p)
}

// Include appends a line with the opposite meaning of Add.
func (f *Filter) Include(line string) {
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		f.Add(rest)
		return
	}
	f.Add("!" + line)
}

// Empty says that the filter excludes nothing.
func (f *Filter) Empty() bool { return f == nil || len(f.patterns) == 0 }

// Excluded says whether the path, whose folders are known not to be excluded, is left alone.
func (f *Filter) Excluded(rel string, folder bool) bool {
	if f.Empty() {
		return false
	}
	name := path.Base(rel)
	for i := len(f.patterns) - 1; i >= 0; i-- {
		p := &f.patterns[i]
		if p.folder && !folder {
			continue
		}
		text := name
		if p.anchored {
			text = rel
		}
		if p.plain && p.text == text || !p.plain && wildmatch(p.text, text) {
			return !p.not
		}
	}
	return false
}
