package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"sluice/internal/cli"
	"sluice/internal/control"
	"sluice/internal/parent"
	"sluice/internal/store"
)

// The exit codes, the same as the client's.
const (
	codeDone        = 0
	codeOther       = 1
	codeUsage       = cli.ExitUsage
	codeNotFound    = 3
	codeDenied      = 4
	codeTemporary   = 5
	codeSome        = 7
	codeFull        = 8
	codeIntegrity   = 10
	codeVersion     = 11
	codeInterrupted = 130
)

// errIntegrity says that what is kept is not what it should be.
var errIntegrity = errors.New("damage was found")

// codeOf is the exit code of err; the first row that fits.
func codeOf(err error) int {
	var start *parent.StartUpError
	if errors.As(err, &start) {
		if start.Code > 0 && start.Code < 256 {
			return start.Code
		}
		return codeOther
	}
	var refused *control.RefusedError
	if errors.As(err, &refused) && refused.Code > 0 && refused.Code < 256 {
		return refused.Code
	}
	var usage cli.UsageError
	if errors.As(err, &usage) {
		return codeUsage
	}
	for _, row := range []struct {
		cause error
		code  int
	}{
		{parent.ErrConfig, codeUsage},
		{parent.ErrPlain, codeUsage},
		{parent.ErrInUse, codeTemporary},
		{parent.ErrKilled, codeInterrupted},
		{parent.ErrBusy, codeTemporary},
		{control.ErrNotRunning, codeNotFound},
		{store.ErrDamaged, codeIntegrity},
		{errIntegrity, codeIntegrity},
		{errSome, codeSome},
		{context.Canceled, codeInterrupted},
		{store.ErrNewer, codeVersion},
		{store.ErrOutdated, codeVersion},
		{store.ErrInUse, codeTemporary},
		{store.ErrPlace, codeUsage},
		{store.ErrNoBackup, codeNotFound},
		{store.ErrBusy, codeTemporary},
		{store.ErrNotFound, codeNotFound},
		{store.ErrSpace, codeFull},
		{store.ErrQuota, codeFull},
		{syscall.ENOSPC, codeFull},
		{syscall.EDQUOT, codeFull},
		{syscall.EADDRINUSE, codeTemporary},
		{fs.ErrPermission, codeDenied},
		{fs.ErrNotExist, codeNotFound},
	} {
		if errors.Is(err, row.cause) {
			return row.code
		}
	}
	return codeOther
}
