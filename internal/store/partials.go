package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// sweepUploads ends uploads nobody has touched since a time. One that is being written to this very moment is passed by.
func (s *Store) sweepUploads(ctx context.Context, before int64) error {
	var stale []db.Upload
	err := s.read(func(tx *db.Tx) (err error) {
		stale, err = tx.StaleUploads(before, sweepBatch)
		return err
	})
	for i := 0; i < len(stale) && err == nil && ctx.Err() == nil; i++ {
		err = s.sweepUpload(&stale[i], before)
	}
	return err
}

func (s *Store) sweepUpload(u *db.Upload, before int64) error {
	fd, err := s.openUploadFile(u.Content)
	if err == nil {
		defer unix.Close(fd)
		if free, err := claim(fd, 0, 0); err != nil || !free {
			return err
		}
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return s.writeAnyway(func(tx *db.Tx) error {
		now, err := tx.Upload(u.Account, u.ID)
		if err != nil || now == nil || now.Touched >= before { // somebody goes on with it after all
			return err
		}
		_, err = endUpload(tx, u.Account, u.ID)
		return err
	})
}

// relieve ends unfinished uploads before their time while the disk is short of space, those first that were left alone
// longest. One that was touched a moment ago stays: somebody is at work on it.
func (s *Store) relieve(ctx context.Context, at time.Time, short func() bool) {
	before := at.Add(-partialSpared).UnixNano()
	for ctx.Err() == nil && short() {
		var oldest []db.Upload
		err := s.read(func(tx *db.Tx) (err error) {
			oldest, err = tx.StaleUploads(before, relieveBatch)
			return err
		})
		ended := 0
		for i := 0; i < len(oldest) && err == nil && ctx.Err() == nil && (i == 0 || short()); i++ {
			u := &oldest[i]
			if err = s.sweepUpload(u, before); err == nil {
				err = s.discardAll()
				ended++
				s.config.Log("info", fmt.Sprintf("an unfinished upload, left alone since %s, is given up: the disk is short of space",
					time.Unix(0, u.Touched).UTC().Format(time.DateTime)), nil)
			}
		}
		if err != nil {
			s.config.Log("warn", "end unfinished uploads", err)
			return
		}
		if ended < relieveBatch {
			return
		}
	}
}
