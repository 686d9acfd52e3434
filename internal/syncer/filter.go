package syncer

import (
	"path"
	"strings"
)

// Filter says which paths are left alone: gitignore's rules, relative to a folder. The last pattern that matches decides;
// what is below an excluded folder cannot be included again. (github.com/sabhiram/go-gitignore, the usual library, takes
// `?` for a literal and lets `*` at the front cross folders, so the rules are implemented here.)
type Filter struct{ patterns []pattern }

type pattern struct {
	text     string
	literal  int    // how much of its start has no wildcard
	raw      string // as it was written
	line     int    // where, from 1
	not      bool   // begins with `!`: include again
	folder   bool   // ends with `/`: folders only
	anchored bool   // holds a `/`: matched against the whole path, else against the name alone
}

// Add appends one line as it would stand in a .gitignore file. Blank lines and comments are skipped.
func (f *Filter) Add(line string) { f.add(line, len(f.patterns)+1) }

func (f *Filter) add(line string, number int) {
	line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "\x00")
	if line == "" || line[0] == '#' {
		return
	}
	line = line[:keptLength(strings.TrimSuffix(line, "\r"))]
	p := pattern{raw: line, line: number}
	line, p.not = strings.CutPrefix(line, "!")
	line, p.folder = strings.CutSuffix(line, "/")
	p.anchored = strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return
	}
	p.text = line
	p.literal = strings.IndexAny(line, `*?[\`)
	if p.literal < 0 {
		p.literal = len(line)
	}
	f.patterns = append(f.patterns, p)
}

// keptLength is how long a line is without the spaces at its end; one after a backslash belongs to the pattern.
func keptLength(line string) int {
	end := len(line)
	spaces := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] != ' ':
			spaces = false
			if line[i] == '\\' {
				i++
			}
		case !spaces:
			spaces, end = true, i
		}
	}
	if !spaces {
		return len(line)
	}
	return end
}

// parse appends all lines of a file.
func (f *Filter) parse(text string) {
	text = strings.TrimPrefix(text, "\ufeff")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		f.add(line, number)
	}
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
	p := f.decides(rel, folder)
	return p != nil && !p.not
}

// decides finds the pattern that decides about a path; nil: none does.
func (f *Filter) decides(rel string, folder bool) *pattern {
	if f.Empty() {
		return nil
	}
	name := path.Base(rel)
	for i := len(f.patterns) - 1; i >= 0; i-- {
		if p := &f.patterns[i]; p.matches(rel, name, folder) {
			return p
		}
	}
	return nil
}

// matches is as git has it: what has no wildcard at the start of an anchored pattern is compared first, and what remains
// matched as a pattern of its own.
func (p *pattern) matches(rel, name string, folder bool) bool {
	if p.folder && !folder {
		return false
	}
	if !p.anchored {
		return p.literal == len(p.text) && p.text == name || p.literal < len(p.text) && wildmatch(p.text, name)
	}
	rest, ok := strings.CutPrefix(rel, p.text[:p.literal])
	return ok && wildmatch(p.text[p.literal:], rest)
}
