// Package handler says what each request type means: it checks who may, asks the store, and answers with an Outcome.
// It has no socket, no epoll and no SQL, so that every type is tested with a real store in a temporary folder and
// nothing else.
//
// A new request type is one file here (Quick if it can, Begin, Finish, Abort) and one row in table.go, beside one file
// and one row in proto.
package handler
