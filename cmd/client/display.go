package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"sluice/internal/syncer"
)

// How often progress is shown: a bar as smooth as the eye wants it, JSON for logs. A bar comes only after a moment, so
// that quick runs do not flash.
const (
	barEvery   = 100 * time.Millisecond
	barAfter   = 400 * time.Millisecond
	jsonEvery  = time.Second
	rateWindow = 4 * time.Second // over which the rate is measured
)

// display shows progress on standard error until the function it returns is called. Bars go to terminals only.
func (p *program) display(progress *syncer.Progress) (end func()) {
	mode := p.flags.progress
	terminal := onTerminal(p.stderr)
	if mode == "auto" {
		mode = "bar"
		if p.flags.quiet || p.flags.json || p.flags.verbose {
			mode = "none"
		}
	}
	if mode == "none" || mode == "bar" && !terminal {
		return func() {}
	}
	every := barEvery
	if mode == "json" {
		every = jsonEvery
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		d := drawing{p: p, progress: progress, began: time.Now(), color: p.colors()}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				d.measure(now)
				if mode == "json" {
					d.json(now)
				} else if now.Sub(d.began) >= barAfter {
					d.bar()
				}
			case <-done:
				if d.drawn {
					fmt.Fprint(p.stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// colors says whether colours are wanted (see no-color.org).
func (p *program) colors() bool {
	no, ok := p.lookup("NO_COLOR")
	kind, _ := p.lookup("TERM")
	return (!ok || no == "") && kind != "dumb"
}

// drawing is one display under way.
type drawing struct {
	p        *program
	progress *syncer.Progress
	began    time.Time
	color    bool
	drawn    bool
	samples  []sample
}

type sample struct {
	at    time.Time
	bytes int64
}

// measure takes a sample and drops those that are too old.
func (d *drawing) measure(now time.Time) {
	d.samples = append(d.samples, sample{now, d.progress.DoneBytes.Load()})
	for len(d.samples) > 2 && now.Sub(d.samples[0].at) > rateWindow {
		d.samples = d.samples[1:]
	}
}

// rate is in bytes a second.
func (d *drawing) rate() float64 {
	first, last := d.samples[0], d.samples[len(d.samples)-1]
	if t := last.at.Sub(first.at).Seconds(); t > 0 {
		return max(0, float64(last.bytes-first.bytes)/t)
	}
	return 0
}

// left is the time still needed; false if nobody knows.
func (d *drawing) left() (time.Duration, bool) {
	rate := d.rate()
	if !d.progress.Planned.Load() || rate < 1 {
		return 0, false
	}
	rest := float64(d.progress.FoundBytes.Load() - d.progress.DoneBytes.Load())
	if rest < 0 || rest/rate > 1e7 {
		return 0, false
	}
	return time.Duration(rest / rate * float64(time.Second)), true
}

func (d *drawing) json(now time.Time) {
	v := struct {
		Event   string   `json:"event"`
		Files   int64    `json:"files"`
		Found   int64    `json:"files_found"`
		Bytes   int64    `json:"bytes"`
		OfBytes int64    `json:"bytes_found"`
		Planned bool     `json:"planned"`
		Rate    int64    `json:"rate"`
		Seconds float64  `json:"seconds"`
		Left    *float64 `json:"seconds_left,omitempty"`
	}{"progress", d.progress.Done.Load(), d.progress.Found.Load(), d.progress.DoneBytes.Load(), d.progress.FoundBytes.Load(),
		d.progress.Planned.Load(), int64(d.rate()), now.Sub(d.began).Round(time.Millisecond).Seconds(), nil}
	if left, ok := d.left(); ok {
		s := left.Round(100 * time.Millisecond).Seconds()
		v.Left = &s
	}
	b, _ := json.Marshal(v)
	fmt.Fprintf(d.p.stderr, "%s\n", b)
}

// bar draws one line over the last one.
func (d *drawing) bar() {
	width := 80
	if f, ok := d.p.stderr.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 { // lint:allow a terminal is written to blocking anyway
			width = w
		}
	}
	files, found := d.progress.Done.Load(), d.progress.Found.Load()
	bytes, of := d.progress.DoneBytes.Load(), d.progress.FoundBytes.Load()
	var text string
	switch {
	case !d.progress.Planned.Load() && bytes == 0:
		text = "comparing"
	case !d.progress.Planned.Load():
		text = fmt.Sprintf("%s  %s/s", size(bytes), size(int64(d.rate())))
	default:
		text = fmt.Sprintf("%s/%s files  %s/%s  %s/s", thousands(files), thousands(found), size(bytes), size(of), size(int64(d.rate())))
		if left, ok := d.left(); ok {
			text += "  " + duration(max(left.Round(time.Second), time.Second)) + " left"
		}
	}
	const least = 10 // cells below which a bar shows nothing
	if cells := min(width-len(text)-4, 30); cells >= least && of > 0 {
		text = d.cells(cells, float64(bytes)/float64(of)) + "  " + text
	} else if len(text) >= width {
		text = text[:width-1]
	}
	d.drawn = true
	fmt.Fprintf(d.p.stderr, "\r%s\x1b[K", text)
}

// cells draws the bar itself.
func (d *drawing) cells(n int, share float64) string {
	full := int(min(max(share, 0), 1) * float64(n))
	on, off := strings.Repeat("#", full), strings.Repeat(".", n-full)
	if d.color {
		return "\x1b[32m" + on + "\x1b[0;2m" + off + "\x1b[0m"
	}
	return on + off
}
