package syncer

import (
	"fmt"

	"sluice/internal/mirror"
	"sluice/internal/reconcile"
)

// massDelete files may go without a question however small the target is: a folder tidied up is no accident.
const massDelete = 20

// guard stops a plan that removes suspiciously much. sure: the user has said yes beforehand.
func guard(p *Plan, src *Node, limit reconcile.Limit, sure bool) error {
	if p.DeletedFiles == 0 && len(p.Deletes) == 0 {
		return nil
	}
	stop := func(format string, args ...any) error {
		e := &mirror.SafetyError{Reason: fmt.Sprintf(format, args...), Advised: true}
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
