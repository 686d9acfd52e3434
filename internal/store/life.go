package store

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
)

// noSlot is the slot of start-up children and commands.
const noSlot = -1

// life is one run of a worker or a command. What it begins bears numbers of blocks that are its own, so that what it
// leaves behind when it dies can be told from what others are still writing. It holds its own byte of life.lock, by
// which others see that it lives.
type life struct {
	write func(func(tx *db.Tx) error) error
	id    int64
	fd    int // life.lock; owned

	mu        sync.Mutex
	low, high int64 // what is left of the block: small contents and segments count up, files count down
}

func beginLife(write func(func(tx *db.Tx) error) error, anyway func(func() error) error, f folder, slot int) (*life, error) {
	l := &life{write: write, fd: -1}
	err := anyway(func() error {
		return write(func(tx *db.Tx) (err error) {
			l.id, err = tx.InsertLife(os.Getpid(), slot, now())
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("begin a life: %w", err)
	}
	fd, alive, err := holdLife(f, l.id)
	if err == nil && alive {
		err = fmt.Errorf("BUG: life %d is another's", l.id)
	}
	if err != nil {
		return nil, fmt.Errorf("begin a life: %w", err)
	}
	l.fd = fd
	return l, nil
}

// holdLife takes a life's byte of life.lock; alive: another process has it. It gives the descriptor that holds it.
func holdLife(f folder, id int64) (fd int, alive bool, err error) {
	fd, err = unix.Open(f.lifeLock(), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, false, fmt.Errorf("open %s: %w", f.lifeLock(), err)
	}
	free, err := claim(fd, id, 1)
	if err != nil || !free {
		unix.Close(fd)
		return -1, err == nil, err
	}
	return fd, false, nil
}

// lifeRuns tells whether a process has a life's byte of life.lock, without taking it.
func lifeRuns(f folder, id int64) (bool, error) {
	fd, err := unix.Open(f.lifeLock(), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", f.lifeLock(), err)
	}
	defer unix.Close(fd)
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: id, Len: 1}
	if err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l) }); err != nil {
		return false, fmt.Errorf("look whether life %d runs: %w", id, err)
	}
	return l.Type != unix.F_UNLCK, nil
}

func (l *life) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// number gives a number for a segment or a content in one. It must not be called within a transaction.
func (l *life) number() (int64, error) {
	n, err := l.numbers(1)
	return n, err
}

// numbers gives the first of count consecutive numbers, count being far below a block.
func (l *life) numbers(count int64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(count); err != nil {
		return 0, err
	}
	l.low += count
	return l.low - count, nil
}

// fileNumber gives a number for a content with a file of its own. Those count down from the block's end, so that they
// fill few folders. It must not be called within a transaction.
func (l *life) fileNumber() (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(1); err != nil {
		return 0, err
	}
	l.high--
	return l.high, nil
}

// room takes a new block if the old one has less than count left.
func (l *life) room(count int64) error {
	if l.high-l.low >= count {
		return nil
	}
	var block int64
	err := l.write(func(tx *db.Tx) (err error) {
		block, err = tx.TakeBlock(l.id)
		return err
	})
	if err != nil {
		return full(fmt.Errorf("take a block of numbers: %w", err))
	}
	l.low, l.high = block*blockSize, (block+1)*blockSize
	return nil
}
