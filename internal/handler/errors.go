package handler

import (
	"errors"

	"sluice/internal/proto"
	"sluice/internal/store"
)

// codes maps what the store refuses to what the peer is told. Not allowed to know and not there are the same words.
var codes = []struct {
	err  error
	code proto.Code
	text string // empty: the error's own text, which holds nothing but what the peer said
}{
	{store.ErrNotFound, proto.NotFound, "not found"},
	{store.ErrForbidden, proto.Forbidden, "not allowed"},
	{store.ErrConflict, proto.Conflict, "another version stands there"},
	{store.ErrExists, proto.Exists, "something stands there already"},
	{store.ErrNotFolder, proto.NotFolder, "not a folder"},
	{store.ErrIsFolder, proto.IsFolder, "is a folder"},
	{store.ErrNotEmpty, proto.NotEmpty, "the folder is not empty"},
	{store.ErrSpoiled, proto.Damaged, "the server's copy of this content is damaged: upload it again, or tell the administrator"},
	{store.ErrHash, proto.HashMismatch, "the bytes do not match the hash"},
	{store.ErrQuota, proto.OverQuota, "over quota"},
	{store.ErrLowSpace, proto.NoSpace, ""},
	{store.ErrSpace, proto.NoSpace, "the server's disk is full"},
	{store.ErrBusy, proto.Busy, "another request is writing the same: try again"},
	{store.ErrKeyReused, proto.KeyReused, "this key was used for another request"},
	{store.ErrEpoch, proto.EpochChanged, "the server was restored from a backup, or remembers no deletes that old: list again"},
	{store.ErrNotKept, proto.NotKept, "versions that old are not kept any more"},
	{store.ErrDiffers, proto.Differs, "this chunk is there with another value"},
	{store.ErrNotUploaded, proto.NotUploaded, "the content has not been uploaded"},
	{store.ErrCycle, proto.Cycle, "a folder cannot move below itself"},
	{store.ErrTries, proto.TooManyTries, ""},
	{store.ErrLogin, proto.BadLogin, "wrong name, password or token"},
	{store.ErrRevoked, proto.Revoked, "this device's token was ended: log in again"},
	{store.ErrReadOnly, proto.ReadOnly, "the server has stopped writing after a disk error: tell its administrator"},
	{store.ErrRange, proto.BadHeader, ""},
	{store.ErrAborted, proto.EntryAborted, "undone, because another entry failed"},
}

// toError makes what a peer is told of an error, and says whether it was one of ours to log.
func toError(err error) (e *proto.Error, internal bool) {
	if errors.As(err, &e) {
		return e, false
	}
	var entry *store.EntryError
	if errors.As(err, &entry) { // a batch of mode all names the culprit
		e, internal = toError(entry.Err)
		e.Entry = entry.Entry
		return e, internal
	}
	for _, row := range codes {
		if !errors.Is(err, row.err) {
			continue
		}
		text := row.text
		if text == "" {
			text = err.Error()
		}
		e = proto.Errorf(row.code, "%s", text)
		var delayed *store.LoginDelayed
		if errors.As(err, &delayed) {
			e.RetryMs = delayed.Wait.Milliseconds()
		}
		return e, false
	}
	return proto.Errorf(proto.Internal, "internal error: the server's log tells more"), true
}

// fail answers a request with an error. A device that was ended is said goodbye to.
func fail(err error) Outcome {
	e, internal := toError(err)
	r := Reply{Err: e, Close: e.Code == proto.Revoked}
	if internal || e.Code == proto.NoSpace || e.Code == proto.ReadOnly {
		r.Cause = err
	}
	return r
}

// failEntry names the entry of a batch that failed.
func failEntry(entry int, err error) proto.EntryError {
	e, _ := toError(err)
	return proto.EntryError{Entry: entry, Code: e.Code, Message: e.Message}
}
