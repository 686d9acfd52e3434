package main

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timetable is a rate limit that depends on the time of day; one row without a time holds always.
type timetable []rateRow

type rateRow struct {
	from time.Duration // since midnight
	rate int64         // bytes a second; 0: no limit
}

// parseTimetable reads "10M", "off" or "08:00,1M 18:00,off".
func parseTimetable(s string) (timetable, error) {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return nil, nil
	}
	if len(fields) == 1 && !strings.Contains(s, ",") {
		rate, err := parseRate(fields[0])
		if err != nil {
			return nil, err
		}
		return timetable{{0, rate}}, nil
	}
	var table timetable
	for _, field := range fields {
		at, text, ok := strings.Cut(field, ",")
		clock, err := time.Parse("15:04", at)
		if !ok || err != nil {
			return nil, usagef("--limit-rate: %q is not like 08:00,1M", field)
		}
		rate, err := parseRate(text)
		if err != nil {
			return nil, err
		}
		table = append(table, rateRow{time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute, rate})
	}
	slices.SortStableFunc(table, func(a, b rateRow) int { return int((a.from - b.from) / time.Minute) })
	return table, nil
}

// parseRate reads bytes a second: a number with K, M, G or T (of 1024), or off.
func parseRate(s string) (int64, error) {
	if s == "off" || s == "0" {
		return 0, nil
	}
	number, unit := s, int64(1)
	if s != "" {
		if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
			number, unit = s[:len(s)-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n > 0 && n*float64(unit) >= 1 && n*float64(unit) <= math.MaxInt64/2) {
		return 0, usagef("--limit-rate: %q is not a rate like 500K, 10M or off", s)
	}
	return int64(n * float64(unit)), nil
}

// at is the limit at a moment: the last row that has begun, before the first one yesterday's last.
func (t timetable) at(now time.Time) int64 {
	if len(t) == 0 {
		return 0
	}
	clock := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
	rate := t[len(t)-1].rate
	for _, row := range t {
		if row.from <= clock {
			rate = row.rate
		}
	}
	return rate
}
