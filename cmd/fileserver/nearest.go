package main

// nearest is the known setting most like name.
func nearest(name string) string {
	best, least := "", -1
	for _, row := range table() {
		if d := distance(name, row.name); least < 0 || d < least {
			best, least = row.name, d
		}
	}
	return best
}

// distance is Levenshtein's: how many bytes to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
