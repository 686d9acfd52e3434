package cli

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"push", "pull", "stat", "status"}
	for _, row := range [][2]string{{"pusj", "push"}, {"statuz", "status"}, {"pul", "pull"}, {"frobnicate", ""}, {"", ""}} {
		if got := Nearest(row[0], names); got != row[1] {
			t.Errorf("%q: %q, want %q", row[0], got, row[1])
		}
	}
}
