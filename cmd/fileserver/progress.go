package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"sluice/internal/store"
)

// How often progress is drawn, and after which moment, so that quick work does not flash.
const (
	drawEvery = 200 * time.Millisecond
	drawAfter = 500 * time.Millisecond
)

// draw shows progress on standard error, if that is a terminal, until end is called.
func (p *program) draw(progress *store.Progress) (end func()) {
	file, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) { // lint:allow standard error blocks anyway
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		began, drawn := time.Now(), false
		tick := time.NewTicker(drawEvery)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				if now.Sub(began) >= drawAfter {
					fmt.Fprintf(p.stderr, "\r\x1b[K%s", progressLine(progress))
					drawn = true
				}
			case <-done:
				if drawn {
					fmt.Fprint(p.stderr, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func progressLine(progress *store.Progress) string {
	doing, items, bytes, total := progress.Now()
	line := doing
	if items > 0 {
		line += fmt.Sprintf("  %d", items)
	}
	switch {
	case total > 0:
		line += fmt.Sprintf("  %s of %s  %d %%", formatSize(bytes), formatSize(total), min(100, 100*bytes/total))
	case bytes > 0:
		line += "  " + formatSize(bytes)
	}
	return line
}
