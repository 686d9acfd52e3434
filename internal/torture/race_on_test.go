//go:build race

package torture

// raceEnabled builds the programs with the race detector too.
const raceEnabled = true
