package mirror

import (
	"slices"
	"strings"

	"sluice/internal/client"
	"sluice/internal/reconcile"
)

// guard stops a round that deletes suspiciously much.
func (m *Mirror) guard(r *round) error {
	if !slices.ContainsFunc(r.steps, func(s reconcile.Step) bool { return s.Do == reconcile.UpDelete || s.Do == reconcile.DownDelete }) {
		return nil
	}
	names, _, err := m.State.Count()
	if err != nil {
		return err
	}
	if s := reconcile.Guard(r.steps, r.local, int(names), m.Options.Limit); s != nil {
		return &SafetyError{Reason: s.Reason, List: s.List}
	}
	return nil
}

// split cuts a path of the server into names.
func split(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
}

// refusal says whether a code only means that the server's names are not what was planned with.
func refusal(code client.Code) bool {
	switch code {
	case client.NotFound, client.Conflict, client.Exists, client.NotFolder, client.IsFolder, client.NotEmpty, client.Cycle, client.NotUploaded:
		return true
	}
	return false
}
