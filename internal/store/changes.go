package store

import (
	"errors"

	"sluice/internal/db"
)

// maxNews bounds a page of changes.
const maxNews = 1000

// Changes tells what has become of the nodes that changed after the journal number since, in order of number: each once,
// as it is now, or that it is gone. It ends when add says that the page is full; then there is more, after the version
// of the last entry. A node may be told before the folder it has moved into, so the whole is only right when there is
// no more.
//
// ErrEpoch says that since belongs to another history, as the server was restored from a backup, or is so old that
// deletes since then are forgotten. Nothing may be concluded then, least of all that something was deleted: list again.
func (s *Store) Changes(w Who, namespace, epoch, since int64, add func(Entry) bool) (epochNow, journal int64, more bool, err error) {
	err = s.read(func(tx *db.Tx) error {
		ns, err := s.may(tx, w, namespace, 0, needRead)
		if err != nil {
			return err
		}
		epochNow, journal = ns.Epoch, ns.Journal
		if epoch != ns.Epoch || since > ns.Journal || since < ns.Forgotten {
			return ErrEpoch
		}
		if since == ns.Journal {
			return nil
		}
		reach := newReach(tx, ns, 0)
		told := 0
		return tx.Changes(ns.ID, since, func(c *db.Change) (bool, error) {
			if told == maxNews {
				more = true
				return false, nil
			}
			e, err := news(reach, c)
			if err != nil {
				return false, err
			}
			if !add(e) {
				more = true
				return false, nil
			}
			told++
			return true, nil
		})
	})
	return epochNow, journal, more, err
}

// news is the entry of a change; what lies below a deleted folder is deleted too. It is told by itself, not only by the
// folder's row: it may have moved there since, and who follows the changes knows it at another place.
func news(reach *reach, c *db.Change) (Entry, error) {
	gone := Entry{Node: c.ID, Kind: Kind(c.Kind), Version: c.Version, Deleted: true}
	if c.Deleted {
		return gone, nil
	}
	if c.Parent != 0 {
		if err := reach.folder(c.Parent); errors.Is(err, ErrNotFound) {
			return gone, nil
		} else if err != nil {
			return Entry{}, err
		}
	}
	return toEntry(&c.Node), nil
}
