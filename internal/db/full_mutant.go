//go:build mutant

package db

import (
	"os"
	"strings"
)

// commitSync is NORMAL, which syncs the log only before checkpoints, where SLUICE_MUTANT says so.
func commitSync() string {
	if strings.Contains(os.Getenv("SLUICE_MUTANT"), "full") {
		return "NORMAL"
	}
	return "FULL"
}
