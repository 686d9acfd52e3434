package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"sluice/internal/client"
	"sluice/internal/live"
	"sluice/internal/syncer"
)

// tell reports the error a run ended with, on standard error; with --json as an event.
func (p *program) tell(err error, code int) {
	var stop *syncer.SafetyStop
	text := p.explain(err, code)
	if p.flags.json {
		event := struct {
			Event string   `json:"event"`
			Code  int      `json:"code"`
			Text  string   `json:"text"`
			List  []string `json:"list,omitempty"`
		}{"error", code, text, nil}
		if errors.As(err, &stop) {
			for _, path := range stop.List {
				event.List = append(event.List, syncer.EscapeName(path))
			}
		}
		b, _ := json.Marshal(event)
		fmt.Fprintf(p.stderr, "%s\n", b)
		return
	}
	fmt.Fprintf(p.stderr, "sluice: %s\n", text)
	if errors.As(err, &stop) {
		p.listStop(stop)
	}
	if code == client.ExitUsage && !p.started {
		fmt.Fprintln(p.stderr, "Try `sluice help`, or `sluice COMMAND --help`.")
	}
}

// listStop shows what a mass delete would have removed.
func (p *program) listStop(stop *syncer.SafetyStop) {
	const most = 20
	for i, path := range stop.List {
		if i == most {
			fmt.Fprintf(p.stderr, "  and %d more; -n lists them all\n", len(stop.List)-most)
			return
		}
		fmt.Fprintf(p.stderr, "  %s\n", visible(path))
	}
}

// explain adds to an error what to do about it.
func (p *program) explain(err error, code int) string {
	text := visible(err.Error())
	switch client.CodeOf(err) {
	case client.NotLoggedIn, client.Revoked:
		return text + ": this device is no longer logged in; log in again with `sluice login URL`"
	case client.BadLogin:
		return "wrong user name or password"
	case client.OverQuota:
		return text + ": the account's quota is used up; remove something with `sluice rm`, or ask the administrator for more"
	case client.NoSpace:
		return text + ": the server's disk is full; tell its administrator"
	case client.EpochChanged:
		return text + ": the server was restored from a backup"
	}
	switch {
	case code == client.ExitInterrupted:
		return "interrupted; run the same command again and it goes on where it stopped"
	case errors.As(err, new(*live.HeldError)):
	case code == client.ExitTemporary && !strings.Contains(text, "wait until"):
		return text + "; try again, and check that the server runs and can be reached"
	case errors.Is(err, os.ErrPermission) && code == client.ExitAuth && client.CodeOf(err) == client.OK:
		return text + ": you may not read or write it"
	}
	return text
}

// visible makes a name safe for a terminal.
func visible(s string) string { return syncer.Terminal(s) }
