package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"sluice/internal/client"
	"sluice/internal/live"
	"sluice/internal/mirror"
	"sluice/internal/syncer"
)

// tell reports the error a run ended with, on standard error; with --json as an event.
func (p *program) tell(err error, code int) {
	stopped := stopList(err)
	text := p.explain(err, code)
	if p.flags.json {
		event := struct {
			Event string   `json:"event"`
			Code  int      `json:"code"`
			Text  string   `json:"text"`
			List  []string `json:"list,omitempty"`
		}{"error", code, text, nil}
		for _, path := range stopped {
			event.List = append(event.List, syncer.EscapeName(path))
		}
		b, _ := json.Marshal(event)
		fmt.Fprintf(p.stderr, "%s\n", b)
		return
	}
	fmt.Fprintf(p.stderr, "sluice: %s\n", text)
	p.listStop(stopped)
	if code == client.ExitUsage && !p.started {
		fmt.Fprintln(p.stderr, "Try `sluice help`, or `sluice COMMAND --help`.")
	}
}

// stopList is what a mass delete, if that is what stopped, would have removed.
func stopList(err error) []string {
	var stop *mirror.SafetyError
	if errors.As(err, &stop) {
		return stop.List
	}
	return nil
}

// listStop shows it.
func (p *program) listStop(list []string) {
	const most = 20
	for i, path := range list {
		if i == most {
			fmt.Fprintf(p.stderr, "  and %d more; -n lists them all\n", len(list)-most)
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
	var stop *mirror.SafetyError
	switch {
	case errors.As(err, &stop) && stop.Advised:
	case errors.As(err, &stop) && len(stop.List) > 0:
		return text + ". Nothing was deleted; if that is meant: `sluice sync -y DIR`"
	case errors.As(err, &stop):
		return text + " (nothing was done; if it is meant: `sluice sync --forget DIR`, then sync anew, which merges and deletes nothing)"
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
