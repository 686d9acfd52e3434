package main

import (
	"testing"
	"time"
)

func TestWhen(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 11, 22, 15, 4, 5, 600_000_000, zone) // a Sunday
	day := func(d, h, m, s, ns int) time.Time { return time.Date(2026, 11, d, h, m, s, ns, zone) }
	for text, want := range map[string]time.Time{
		"now": now, "2h ago": now.Add(-2 * time.Hour), "1h30m ago": now.Add(-90 * time.Minute), "3 days ago": day(19, 15, 4, 5, 600_000_000),
		"1 week ago": day(15, 15, 4, 5, 600_000_000), "90 minutes ago": now.Add(-90 * time.Minute), "2 h ago": now.Add(-2 * time.Hour),
		"1 month ago": time.Date(2026, 10, 22, 15, 4, 5, 600_000_000, zone), "2 years ago": time.Date(2024, 11, 22, 15, 4, 5, 600_000_000, zone),
		"yesterday": day(21, 0, 0, 0, 0), "yesterday 18:00": day(21, 18, 0, 0, 0), "Yesterday 18:00:05": day(21, 18, 0, 5, 999_999_999),
		"today 9:30": day(22, 9, 30, 0, 0), "09:30": day(22, 9, 30, 0, 0), "today": day(22, 0, 0, 0, 0),
		"saturday": day(21, 0, 0, 0, 0), "sunday 12:00": day(15, 12, 0, 0, 0), "monday": day(16, 0, 0, 0, 0),
		"2026-11-01": day(1, 0, 0, 0, 0), "2026-11-01 12:30": day(1, 12, 30, 0, 0), "2026-11-01T12:30": day(1, 12, 30, 0, 0),
		"2026-11-01 12:30:05": day(1, 12, 30, 5, 999_999_999), "2026-11-01 12:30:05.120": day(1, 12, 30, 5, 120_999_999),
		"2026-11-01T12:30:05Z": day(1, 14, 30, 5, 999_999_999), "2026-11-01T12:30:05.123456789+02:00": day(1, 12, 30, 5, 123_456_789),
		"2026-11-22 15:04:05": now, // the rest of that second is yet to come
	} {
		if got, err := when(text, now); err != nil || got != want.UnixNano() {
			t.Errorf("%q is %v, %v, not %v", text, time.Unix(0, got).In(zone), err, want)
		}
	}
	for _, text := range []string{"tomorrow", "2027-01-01", "16:00", "25:00", "2026-13-01", "ago", "5 ago", "-2h ago", "2 parsecs ago", "yesterday 18", "0001-01-01",
		"99999999999999999999 days ago", "yesterday yesterday", "2026-11-01 12:30:05 or so"} {
		if got, err := when(text, now); err == nil {
			t.Errorf("%q is %v", text, time.Unix(0, got))
		}
	}
	for _, ns := range []int64{1_800_000_000_123_456_789, 1_800_000_000_000_000_000, 1} {
		shown := exactTime(ns)
		if got, err := when(shown, time.Unix(1_900_000_000, 0)); ns > 1 && (err != nil || got < ns || got > ns+999) {
			t.Errorf("%d is shown as %s, which is read as %d, %v", ns, shown, got, err)
		}
	}
}
