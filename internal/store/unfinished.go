package store

import "sluice/internal/db"

// Unfinished is an upload that has begun and is not sealed, as its owner sees it. Times are ns since 1970.
type Unfinished struct {
	Upload  int64
	Size    int64 // -1: open
	Present int64 // bytes that are there
	Label   string
	Device  string // the name of the device that began it; empty: gone
	Began   int64
	Touched int64
}

// Uploads lists the account's unfinished uploads after one, in the order they were begun; more: limit was not enough.
func (s *Store) Uploads(w Who, after int64, limit int) (all []Unfinished, more bool, err error) {
	var rows []db.Unfinished
	err = s.read(func(tx *db.Tx) error {
		rows, err = tx.UploadsOf(w.Account, after, limit+1)
		return err
	})
	if len(rows) > limit {
		rows, more = rows[:limit], true
	}
	for _, u := range rows {
		all = append(all, Unfinished{Upload: u.ID, Size: u.Size, Present: u.Present, Label: u.Label, Device: u.DeviceName, Began: u.Began, Touched: u.Touched})
	}
	return all, more, err
}

// UploadCancel ends an unfinished upload: its charge is given back, its bytes go. A chunk that is on its way finds it gone.
func (s *Store) UploadCancel(w Who, o Once, upload int64, reply []byte) (answer []byte, err error) {
	left := int64(0) // the content it leaves; 0: the request was answered before
	err = s.writeAnyway(func(tx *db.Tx) error {
		answer, err = s.once(tx, w, o, mayHave, func(tx *db.Tx) ([]byte, error) {
			u, err := endUpload(tx, w.Account, upload)
			if err != nil {
				return nil, err
			}
			if u == nil {
				return nil, ErrNotFound
			}
			left = u.Content
			return reply, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.step("upload cancelled"); err != nil {
		return nil, err
	}
	if left != 0 {
		if err := s.discard([]int64{left}); err != nil {
			s.config.Log("warn", "a cancelled upload's file is removed later", err)
		}
	}
	return answer, nil
}
