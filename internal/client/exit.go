package client

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"sluice/internal/proto"
)

// Exit codes, the same for both programs.
const (
	ExitDone        = 0
	ExitOther       = 1
	ExitUsage       = 2
	ExitNotFound    = 3
	ExitAuth        = 4 // authentication, permission or revoked
	ExitTemporary   = 5 // network, busy, time-out: try again
	ExitConflicts   = 6 // done but conflicts need a person
	ExitSomeFailed  = 7
	ExitSpace       = 8 // quota, disk or plan limit
	ExitSafety      = 9 // mass delete, missing mount, rolled-back server
	ExitIntegrity   = 10
	ExitProtocol    = 11
	ExitRefused     = 12
	ExitOffline     = 13
	ExitInterrupted = 130
)

// ExitCode is the exit code that tells a shell what err is. An error with a method ExitCode() int tells its own.
func ExitCode(err error) int {
	var own interface{ ExitCode() int }
	var mistake *UsageError
	var server *Error
	var lost *lostError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &own):
		return own.ExitCode()
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &mistake):
		return ExitUsage
	case errors.Is(err, ErrIntegrity):
		return ExitIntegrity
	case errors.Is(err, ErrProtocol):
		return ExitProtocol
	case errors.Is(err, ErrOtherServer):
		return ExitSafety
	case errors.Is(err, ErrChanged):
		return ExitSomeFailed
	case errors.As(err, &server):
		return exitOfCode(server.Code)
	case errors.As(err, &lost), errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return ExitTemporary
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return ExitSpace
	case errors.Is(err, fs.ErrNotExist):
		return ExitNotFound
	case errors.Is(err, fs.ErrPermission):
		return ExitAuth
	}
	return ExitOther
}

func exitOfCode(code Code) int {
	switch code {
	case proto.OK:
		return ExitDone
	case proto.BadName:
		return ExitUsage
	case proto.NotFound, proto.NotKept:
		return ExitNotFound
	case proto.NotLoggedIn, proto.BadLogin, proto.Revoked, proto.Forbidden:
		return ExitAuth
	case proto.Busy, proto.Timeout, proto.Draining, proto.TooManyTries, proto.TooSlow:
		return ExitTemporary
	case proto.Conflict:
		return ExitConflicts
	case proto.OverQuota, proto.NoSpace, proto.ReadOnly:
		return ExitSpace
	case proto.EpochChanged:
		return ExitSafety
	case proto.HashMismatch, proto.Differs, proto.Damaged:
		return ExitIntegrity
	case proto.BadPrelude, proto.UnknownType, proto.TooLarge, proto.BadHeader, proto.BadVersion, proto.KeyReused, proto.Unsupported:
		return ExitProtocol
	}
	// Internal, Exists, NotFolder, IsFolder, NotEmpty, NotUploaded, Cycle, EntryAborted, and what a later server invents.
	return ExitOther
}
