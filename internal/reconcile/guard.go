package reconcile

import (
	"fmt"
	"strconv"
	"strings"
)

// Limit is how many deletes a plan may hold. The zero value is the default: more than a quarter of all names and more
// than massDelete of them stops.
type Limit struct {
	Given   bool // --max-delete
	Count   int
	Percent bool // Count is a share of the names
	Sure    bool // the user has said yes beforehand
}

// ParseLimit reads what --max-delete was given, "N" or "P%"; nothing is the default.
func ParseLimit(s string) (Limit, error) {
	if s == "" {
		return Limit{}, nil
	}
	number, percent := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || percent && n > 100 {
		return Limit{}, fmt.Errorf("%q is neither a number nor a share like 10%%", s)
	}
	return Limit{Given: true, Count: n, Percent: percent}, nil
}

// massDelete names may go without a question however few there are: a folder tidied up is no accident.
const massDelete = 50

// Stop is a plan that is not to be carried out before somebody has looked.
type Stop struct {
	Reason string
	List   []string // the names that would be deleted, relative to the root
}

func (s *Stop) Error() string { return s.Reason }

// Guard looks for a plan that deletes suspiciously much. names is how many both sides had agreed on, in the whole tree: 0
// is a first sync, which deletes nothing. nil: go on.
func Guard(steps []Step, local *Tree, names int, limit Limit) *Stop {
	if limit.Sure || names == 0 {
		return nil
	}
	var list []string
	up := 0
	for _, s := range steps {
		switch s.Do {
		case UpDelete:
			list = append(list, s.Remote.Path())
			up++
		case DownDelete:
			list = append(list, s.Local.Path())
		}
	}
	stop := func(format string, args ...any) *Stop {
		return &Stop{Reason: fmt.Sprintf(format, args...), List: list}
	}
	n := len(list)
	switch {
	case n == 0:
		return nil
	case up > 0 && emptied(local.Root):
		return stop("the folder is empty here, and %d names were synced before: is something not mounted?", names)
	case limit.Given && limit.Percent && n*100 > limit.Count*names:
		return stop("%d of %d names would be deleted, more than --max-delete %d%% allows", n, names, limit.Count)
	case limit.Given && !limit.Percent && n > limit.Count:
		return stop("%d names would be deleted, more than --max-delete %d allows", n, limit.Count)
	case !limit.Given && n > massDelete && n*4 > names:
		return stop("%d of %d names would be deleted", n, names)
	}
	return nil
}

// emptied says whether a root that was looked at holds nothing that counts.
func emptied(root *Entry) bool {
	if root.Part || root.Unknown {
		return false
	}
	for _, c := range root.Children {
		if !c.Excluded {
			return false
		}
	}
	return true
}
