package db

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ahead is what a process that checkpoints keeps about the database file. It is guarded by DB.checkpoint.
type ahead struct {
	fd    int   // owned; to take room in it; -1: not opened yet
	taken int64 // the file has room up to here
}

// Ahead takes the room in the database file that the log will need when it is moved there, so that moving it finds room
// whatever becomes of the disk. ErrFull: there is none. It reads no page and costs next to nothing while the log names no new
// ones. Only the keeper calls it.
func (d *DB) Ahead() error {
	return d.asKeeper(func() error {
		if err := d.takeAhead(); err != nil {
			return fmt.Errorf("take room for what is in the log: %w", err)
		}
		return nil
	})
}

func (d *DB) takeAhead() error {
	tx := &Tx{d.keeper}
	var pages, size int64
	if _, err := tx.row("PRAGMA page_count", nil, &pages); err != nil { // with what is only in the log
		return err
	}
	if _, err := tx.row("PRAGMA page_size", nil, &size); err != nil {
		return err
	}
	end := pages * size
	if end <= d.ahead.taken {
		return nil
	}
	if d.ahead.fd < 0 { // open until Close: to close it drops this process's locks on the database
		fd, err := unix.Open(d.path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil // no descriptors left: the log is moved all the same
		}
		d.ahead.fd = fd
	}
	length, err := lengthOf(d.ahead.fd)
	if err != nil {
		return err
	}
	// The length stays: SQLite makes it longer as it writes. Below it all has its place but pages that were never
	// written, and to look for those takes a file system long.
	if from := max(length, d.ahead.taken); end > from {
		if err := reserve(d.ahead.fd, from, end-from); err != nil {
			return err
		}
	}
	d.ahead.taken = end
	return nil
}

// TakeLog takes room in the log's file beyond its end, for what is written to it next: another process may do that. Without a
// log, or on a file system that cannot, it does nothing.
func TakeLog(path string, bytes int64) error {
	fd, err := unix.Open(path+"-wal", unix.O_RDWR|unix.O_CLOEXEC, 0) // SQLite has no locks on this one that closing it could drop
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	length, err := lengthOf(fd)
	if err != nil {
		return err
	}
	return reserve(fd, length, bytes)
}

func lengthOf(fd int) (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Size, err
}

// reserve takes room for a range beyond a file's end and leaves its length. Only a full disk is an error: what else keeps a
// file system from it does not keep SQLite from writing.
func reserve(fd int, from, length int64) error {
	for {
		switch err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, from, length); err {
		case unix.EINTR:
		case unix.ENOSPC, unix.EDQUOT:
			return fmt.Errorf("%w: %d bytes: %w", ErrFull, length, err)
		default:
			return nil
		}
	}
}
