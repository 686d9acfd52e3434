package main

import (
	"encoding/json"
	"fmt"
	"time"

	"sluice/internal/client"
	"sluice/internal/syncer"
)

// printJSON prints one object as a line.
func (p *program) printJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(b, '\n'))
	return err
}

// nameJSON is the %XX form of a name or path, which a JSON string can hold whatever its bytes.
func nameJSON(raw string) string { return syncer.EscapeName(raw) }

// entryJSON is an entry as ls and stat print it.
type entryJSON struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Size    int64  `json:"size"`
	Mode    string `json:"mode"`
	Mtime   string `json:"mtime"`
	Node    int64  `json:"node"`
	Version int64  `json:"version"`
	Hash    string `json:"hash,omitempty"`
}

func entryOf(path string, e client.Entry) entryJSON {
	j := entryJSON{
		Path: nameJSON(path), Kind: kindName(e.Kind), Size: e.Size, Mode: fmt.Sprintf("%04o", e.Mode),
		Mtime: time.Unix(0, e.Mtime).UTC().Format(time.RFC3339Nano), Node: e.Node, Version: e.Version,
	}
	if e.Kind != client.KindFolder {
		j.Hash = e.Hash.String()
	}
	return j
}

func kindName(k client.Kind) string {
	switch k {
	case client.KindFolder:
		return "folder"
	case client.KindLink:
		return "link"
	}
	return "file"
}

// size is a number of bytes for people: three digits that count.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 6 {
		v /= 1024
		unit++
	}
	text := fmt.Sprintf("%.0f", v)
	switch {
	case v < 9.995:
		text = fmt.Sprintf("%.2f", v)
	case v < 99.95:
		text = fmt.Sprintf("%.1f", v)
	}
	return text + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit]
}

// count is a number with its word in the right form.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands writes 11500 as 11,500.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// duration is a time for people.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute && d%time.Second == 0:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d h", int(d.Hours()), int(d.Minutes())%60)
}
