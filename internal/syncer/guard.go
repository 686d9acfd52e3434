package syncer

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/internal/client"
)

// MaxDelete is the most files a run with --delete may remove. The zero value is the default: a mass delete, that is
// more than half of the target's files and more than massDelete of them, stops.
type MaxDelete struct {
	Given   bool
	Count   int
	Percent bool // Count is a share of the target's files
}

// massDelete files may go without a question however small the target is: a folder tidied up is no accident.
const massDelete = 20

// ParseMaxDelete reads "N" or "P%".
func ParseMaxDelete(s string) (MaxDelete, error) {
	number, percent := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || percent && n > 100 {
		return MaxDelete{}, fmt.Errorf("%q is neither a number of files nor a share like 10%%", s)
	}
	return MaxDelete{Given: true, Count: n, Percent: percent}, nil
}

// SafetyStop is a run that was not begun because it would have removed too much.
type SafetyStop struct {
	Reason string
	List   []string // what would be removed
}

func (e *SafetyStop) Error() string { return e.Reason }
func (e *SafetyStop) ExitCode() int { return client.ExitSafety }

// guard stops a plan that removes suspiciously much. sure: the user has said yes beforehand.
func guard(p *Plan, src *Node, limit MaxDelete, sure bool) error {
	if p.DeletedFiles == 0 && len(p.Deletes) == 0 {
		return nil
	}
	stop := func(format string, args ...any) error {
		e := &SafetyStop{Reason: fmt.Sprintf(format, args...)}
		for _, list := range [2][]*Node{p.Clear, p.Deletes} {
			for _, n := range list {
				e.List = append(e.List, n.Path())
			}
		}
		return e
	}
	switch {
	case limit.Given && limit.Percent && p.DeletedFiles*100 > limit.Count*p.TargetFiles:
		return stop("%d of %d files would be deleted, more than --max-delete %d%% allows", p.DeletedFiles, p.TargetFiles, limit.Count)
	case limit.Given && !limit.Percent && p.DeletedFiles > limit.Count:
		return stop("%d files would be deleted, more than --max-delete %d allows", p.DeletedFiles, limit.Count)
	case sure:
		return nil
	case len(src.Children) == 0:
		return stop("the source is empty, so all %d files of the target would be deleted: is a disk not mounted? Use -y if it is meant", p.DeletedFiles)
	case !limit.Given && p.DeletedFiles > massDelete && p.DeletedFiles*2 > p.TargetFiles:
		return stop("%d of %d files would be deleted: use -y if it is meant, or --max-delete to allow so many", p.DeletedFiles, p.TargetFiles)
	}
	return nil
}
