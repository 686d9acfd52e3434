package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

const whenHelp = "as it was at this `TIME`: \"yesterday 18:00\", \"2h ago\", \"2026-11-01\", \"2026-11-01 12:30\", RFC 3339"

// atFlag adds --at to a command.
func atFlag(f *pflag.FlagSet, to *string) { f.StringVar(to, "at", "", whenHelp) }

// when reads a time that is over, ns since 1970; 0 for no text. A time that is written to the second means all of that
// second, so that one that was shown is found again; a day means its beginning.
func when(text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	at, grain, ok := readTime(strings.TrimSpace(text), now)
	if !ok {
		return 0, usagef("--at %s: write a time as \"yesterday 18:00\", \"2h ago\", \"2026-11-01\", \"2026-11-01 12:30:05\" or as RFC 3339", visible(text))
	}
	if at.After(now) {
		return 0, usagef("--at %s: that time is yet to come", visible(text))
	}
	if at = at.Add(max(grain-1, 0)); at.After(now) {
		at = now
	}
	if at.Year() < 1971 || at.Year() > 2261 {
		return 0, usagef("--at %s: nothing is as old as that", visible(text))
	}
	return at.UnixNano(), nil
}

// readTime reads a time and tells how finely it was written.
func readTime(text string, now time.Time) (at time.Time, grain time.Duration, ok bool) {
	zone := now.Location()
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02T15:04:05",
		"2006-01-02 15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil { // with a fraction of a second, too
			return at, grainOf(text), true
		}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, 0, true
		}
	}
	lower := strings.ToLower(text)
	if lower == "now" {
		return now, 0, true
	}
	if ago, whole := strings.CutSuffix(lower, "ago"); whole {
		at, ok = before(strings.TrimSpace(ago), now)
		return at, 0, ok
	}
	word, clock, _ := strings.Cut(lower, " ")
	day, named := dayOf(word, now)
	if !named {
		day, clock = 0, lower // a clock alone: today
	}
	hours, grain, ok := clockOf(strings.TrimSpace(clock), named)
	year, month, date := now.Date()
	return time.Date(year, month, date-day, hours[0], hours[1], hours[2], hours[3], zone), grain, ok
}

// grainOf is the last digit of the seconds of a text that has some.
func grainOf(text string) time.Duration {
	grain := time.Second
	if _, rest, dot := strings.Cut(text, "."); dot {
		for i := 0; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
			grain /= 10
		}
	}
	return grain
}

// dayOf tells how many days ago a day was that is called by a word.
func dayOf(word string, now time.Time) (days int, ok bool) {
	switch word {
	case "today":
		return 0, true
	case "yesterday":
		return 1, true
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if word == strings.ToLower(d.String()) {
			return (int(now.Weekday()-d)+6)%7 + 1, true // the last one before today
		}
	}
	return 0, false
}

// clockOf reads 18:00, 18:00:05 or 18:00:05.123; nothing is midnight, if it may be.
func clockOf(text string, empty bool) (hours [4]int, grain time.Duration, ok bool) {
	if text == "" {
		return hours, 0, empty
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			if layout != "15:04" {
				grain = grainOf(text)
			}
			return [4]int{t.Hour(), t.Minute(), t.Second(), t.Nanosecond()}, grain, true
		}
	}
	return hours, 0, false
}

// before reads a length of time, as "2h", "1h30m", "3 days" or "1 month", and goes back by it.
func before(text string, now time.Time) (at time.Time, ok bool) {
	if d, err := time.ParseDuration(strings.ReplaceAll(text, " ", "")); err == nil && d >= 0 {
		return now.Add(-d), true
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.Atoi(text[:digits])
	if err != nil || n > 1_000_000 {
		return now, false
	}
	switch strings.TrimSuffix(strings.TrimSpace(text[digits:]), "s") {
	case "", "second", "sec":
		return now.Add(-time.Duration(n) * time.Second), strings.TrimSpace(text[digits:]) != ""
	case "m", "minute", "min":
		return now.Add(-time.Duration(n) * time.Minute), true
	case "h", "hour":
		return now.Add(-time.Duration(n) * time.Hour), true
	case "d", "day":
		return now.AddDate(0, 0, -n), true
	case "w", "week":
		return now.AddDate(0, 0, -7*n), true
	case "month":
		return now.AddDate(0, -n, 0), true
	case "y", "year":
		return now.AddDate(-n, 0, 0), true
	}
	return now, false
}

// exactTime is a time that --at understands and that names this moment and no earlier one.
func exactTime(ns int64) string { return time.Unix(0, ns).Format("2006-01-02 15:04:05.000000") }

// exactTimeJSON is the same for programs.
func exactTimeJSON(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}
