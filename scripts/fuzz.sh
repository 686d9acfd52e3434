#!/bin/sh
# Runs every fuzz target of every package for FUZZTIME (default 10s). go test -fuzz takes one target at a time; minimising each new
# input for its default minute would eat the time.
set -eu
GO=${GO:-go}; FUZZTIME=${FUZZTIME:-10s}
for file in $(grep -rlE '^func Fuzz' --include='*_test.go' internal cmd); do
  package=./$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    echo "fuzz $package $target for $FUZZTIME"
    "$GO" test -tags "${TAGS:-}" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 20x "$package"
  done
done
