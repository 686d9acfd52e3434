package client

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

type ownCode struct{ error }

func (ownCode) ExitCode() int { return 9 }

func TestExitCode(t *testing.T) {
	code := func(c Code) error { return fmt.Errorf("push: %w", NewError("commit", c, "text")) }
	for _, row := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{io.EOF, 1},
		{usage("x"), 2},
		{&lostError{usage("x")}, 2},
		{context.Canceled, 130},
		{context.DeadlineExceeded, 5},
		{ErrTimeout, 5},
		{ErrClosed, 1},
		{ErrChanged, 7},
		{ErrOtherServer, 9},
		{fmt.Errorf("x: %w", ErrIntegrity), 10},
		{broken("x"), 11},
		{&lostError{io.EOF}, 5},
		{&lostError{&net.OpError{Op: "dial", Err: unix.ECONNREFUSED}}, 5},
		{&localError{unix.ENOSPC}, 8},
		{unix.EDQUOT, 8},
		{&fs.PathError{Op: "open", Path: "x", Err: unix.ENOENT}, 3},
		{unix.EACCES, 4},
		{fmt.Errorf("x: %w", ownCode{io.EOF}), 9},
		{code(proto.Internal), 1},
		{code(proto.BadPrelude), 11},
		{code(proto.UnknownType), 11},
		{code(proto.TooLarge), 11},
		{code(proto.BadHeader), 11},
		{code(proto.BadName), 2},
		{code(proto.NotLoggedIn), 4},
		{code(proto.BadLogin), 4},
		{code(proto.Revoked), 4},
		{code(proto.NotFound), 3},
		{code(proto.Forbidden), 4},
		{code(proto.Conflict), 6},
		{code(proto.Exists), 1},
		{code(proto.NotFolder), 1},
		{code(proto.IsFolder), 1},
		{code(proto.NotEmpty), 1},
		{code(proto.HashMismatch), 10},
		{code(proto.OverQuota), 8},
		{code(proto.NoSpace), 8},
		{code(proto.Busy), 5},
		{code(proto.Timeout), 5},
		{code(proto.KeyReused), 11},
		{code(proto.EpochChanged), 9},
		{code(proto.Draining), 5},
		{code(proto.Differs), 10},
		{code(proto.NotUploaded), 1},
		{code(proto.Cycle), 1},
		{code(proto.TooManyTries), 5},
		{code(proto.BadVersion), 11},
		{code(proto.TooSlow), 5},
		{code(proto.ReadOnly), 8},
		{code(proto.EntryAborted), 1},
		{code(proto.Unsupported), 11},
		{code(proto.Damaged), 10},
		{code(proto.NotKept), 3},
		{code(40_000), 1},
	} {
		if got := ExitCode(row.err); got != row.want {
			t.Errorf("%v: exit code %d, want %d", row.err, got, row.want)
		}
	}
}

// Every temporary code must end with "try again" when the tries are used up.
func TestTemporaryCodesExit(t *testing.T) {
	for c := Code(1); c < 200; c++ {
		if want := c.Temporary(); (exitOfCode(c) == ExitTemporary) != want {
			t.Errorf("%v: temporary %v, exit code %d", c, want, exitOfCode(c))
		}
	}
}
