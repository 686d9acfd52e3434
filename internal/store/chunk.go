package store

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"sluice/internal/db"
	"sluice/internal/hash"
)

// Chunk is a chunk on its way in. Exactly one of Finish and Abort ends it. While it lives it claims its range of the
// upload's file by a lock of its own descriptor: the kernel ends the claim with the descriptor, whatever becomes of the
// worker.
type Chunk struct {
	s       *Store
	w       Who
	upload  db.Upload
	index   int64
	length  int64
	value   [32]byte
	fd      int // owned; -1: present, or ended
	turn    *turn
	present bool
	loose   bool // assembled: room is taken as it is written, since much of it may be shared or a hole
}

// ChunkBegin claims a chunk's range: ErrBusy if another request has it. Then it looks whether the chunk is there:
// ErrDiffers if with another value.
func (s *Store) ChunkBegin(w Who, upload, index, length int64, value [32]byte) (*Chunk, error) {
	return s.beginChunk(w, upload, index, length, value, false)
}

func (s *Store) beginChunk(w Who, upload, index, length int64, value [32]byte, loose bool) (*Chunk, error) {
	if s.stopped.Load() {
		return nil, ErrReadOnly
	}
	c := &Chunk{s: s, w: w, index: index, length: length, value: value, fd: -1, loose: loose}
	u, _, err := c.look(upload)
	if err != nil {
		return nil, err
	}
	if err := inUpload(u, index, length); err != nil {
		return nil, err
	}
	if c.fd, err = s.openUploadFile(u.Content); err != nil {
		return nil, err
	}
	c.upload, c.turn = *u, s.uploads.get(u.Content)
	if err := c.claim(); err != nil {
		c.end()
		return nil, err
	}
	if c.present {
		c.end()
	}
	return c, nil
}

// look reads the upload and the chunk's row.
func (c *Chunk) look(upload int64) (u *db.Upload, there *db.Chunk, err error) {
	err = c.s.read(func(tx *db.Tx) error {
		if u, err = tx.Upload(c.w.Account, upload); err != nil {
			return err
		}
		if u == nil {
			return ErrNotFound
		}
		there, err = tx.Chunk(u.Content, c.index)
		return err
	})
	return u, there, err
}

// claim takes the range, and only then looks what is there: nobody can change it any more.
func (c *Chunk) claim() error {
	offset := c.index * ChunkSize
	free, err := claim(c.fd, offset, ChunkSize)
	if err != nil {
		return fmt.Errorf("claim a chunk: %w", err)
	}
	if !free {
		return ErrBusy
	}
	_, there, err := c.look(c.upload.ID)
	if err != nil {
		return err
	}
	if there != nil {
		if there.Size != c.length || !bytes.Equal(there.Value, c.value[:]) {
			return ErrDiffers
		}
		c.present = true
		return nil
	}
	if c.upload.Size >= 0 && !c.upload.Sparse {
		return nil // charged and allocated when it was opened
	}
	if c.upload.Size < 0 {
		if err := c.s.read(func(tx *db.Tx) error { return room(tx, c.w, c.length) }); err != nil {
			return err
		}
	}
	if err := c.s.mayUpload(c.length); err != nil {
		return err
	}
	if c.loose {
		return nil
	}
	if err := allocate(c.fd, offset, c.length); err != nil {
		unallocate(c.fd, offset, c.length)
		return err
	}
	return nil
}

// inUpload tells whether a chunk can be part of an upload.
func inUpload(u *db.Upload, index, length int64) error {
	if index < 0 || index >= uploadChunks || length <= 0 || length > ChunkSize {
		return fmt.Errorf("%w: chunk %d of %d bytes", ErrRange, index, length)
	}
	if u.Size < 0 {
		return nil
	}
	if want := min(ChunkSize, u.Size-index*ChunkSize); length != want {
		return fmt.Errorf("%w: chunk %d has %d bytes, not %d", ErrRange, index, max(0, want), length)
	}
	return nil
}

// openUploadFile opens an upload's file anew, for locks of its own.
func (s *Store) openUploadFile(content int64) (int, error) {
	fd, err := unix.Open(s.folder.object(content), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return -1, ErrNotFound // ended this very moment
	}
	if err != nil {
		return -1, fmt.Errorf("open an upload's file: %w", err)
	}
	return fd, nil
}

// Present tells that the chunk is there already: its body is read to nothing.
func (c *Chunk) Present() bool { return c.present }

// Piece is where the body goes. Its descriptor stays open until Finish or Abort returns.
func (c *Chunk) Piece() Piece {
	return Piece{FD: c.fd, Offset: c.index * ChunkSize, Length: c.length}
}

// Finish verifies the chunk, makes it durable and notes that it is there.
func (c *Chunk) Finish() error { return c.finish(c.verify) }

// finish is Finish, with what tells whether the bytes are what they should be.
func (c *Chunk) finish(verify func() error) error {
	defer c.end()
	if c.present {
		return nil
	}
	if c.fd < 0 {
		return fmt.Errorf("BUG: chunk %d was ended twice", c.index)
	}
	if err := verify(); err != nil {
		return err
	}
	if err := c.s.step("chunk verified"); err != nil {
		return err
	}
	if err := c.turn.sync(func() error { return c.s.syncData(c.fd, "an upload") }); err != nil {
		return err
	}
	if err := c.s.synced("an upload", ownErrors(c.fd, c.index*ChunkSize, c.length)); err != nil {
		return err
	}
	if err := c.s.step("chunk synced"); err != nil {
		return err
	}
	if err := c.s.write(c.row); err != nil {
		return err
	}
	return c.s.step("chunk committed")
}

func (c *Chunk) verify() error {
	offset := c.index * ChunkSize
	startWriting(c.fd, offset, c.length)
	c.s.verifying <- struct{}{}
	defer func() { <-c.s.verifying }()
	pooled := c.s.windows.Get().(*[]byte)
	defer c.s.windows.Put(pooled)
	h := hash.NewChunk(c.index)
	for at := int64(0); at < c.length; {
		b := (*pooled)[:min(chunkWindow, c.length-at)]
		if err := readAt(c.fd, b, offset+at); err != nil {
			return fmt.Errorf("verify a chunk: %w", err)
		}
		h.Write(b)
		at += int64(len(b))
	}
	if differ("a chunk", h.Value(), c.value) {
		return ErrHash
	}
	return nil
}

// row is the transaction.
func (c *Chunk) row(tx *db.Tx) error {
	u, err := tx.Upload(c.w.Account, c.upload.ID)
	if err != nil {
		return err
	}
	if u == nil {
		return ErrNotFound
	}
	if err := tx.InsertChunk(u.Content, db.Chunk{Index: c.index, Size: c.length, Value: c.value[:]}); err != nil {
		return err
	}
	more := int64(0)
	if u.Size < 0 {
		more = c.length
		if err := charge(tx, c.w, more); err != nil {
			return err
		}
	}
	return tx.TouchUpload(u.ID, more, now())
}

// Abort ends the claim. What was written is not there: no row says so.
func (c *Chunk) Abort() { c.end() }

func (c *Chunk) end() {
	if c.turn != nil {
		c.s.uploads.put(c.upload.Content)
		c.turn = nil
	}
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}
