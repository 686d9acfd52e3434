package main

import (
	"math"
	"strconv"
	"strings"

	"sluice/internal/cli"
)

const units = "KMGTP" // powers of 1,024

// parseSize reads 10G, 500M, 1.5T, 4096 or none (0).
func parseSize(text string) (int64, error) {
	bad := cli.Usagef("size %q: want a number of bytes, or with K, M, G or T, for example 10G; or none", text)
	if text == "none" {
		return 0, nil
	}
	upper := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I")
	factor := 1.0
	if n := len(upper); n > 0 {
		if at := strings.IndexByte(units, upper[n-1]); at >= 0 {
			factor = float64(int64(1) << (10 * (at + 1)))
			upper = upper[:n-1]
		}
	}
	if whole, err := strconv.ParseInt(upper, 10, 64); err == nil && factor == 1 {
		if whole < 0 {
			return 0, bad
		}
		return whole, nil
	}
	number, err := strconv.ParseFloat(upper, 64)
	if err != nil || math.IsNaN(number) || number < 0 || number*factor >= math.MaxInt64 || strings.ContainsAny(upper, "XPEN") {
		return 0, bad
	}
	return int64(number * factor), nil
}

// formatSize writes a size for reading: three digits and a unit.
func formatSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.5 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	digits := 1
	if value >= 99.95 {
		digits = 0
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[unit:unit+1] + "iB"
}
