package main

import (
	"fmt"
	"os"
)

// readPatterns reads a file of patterns.
func readPatterns(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the patterns: %w", err)
	}
	return string(b), nil
}
