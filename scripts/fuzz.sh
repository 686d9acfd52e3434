#!/bin/sh
# Runs every fuzz target of every package for FUZZTIME (default 10s). go test -fuzz takes one target at a time; minimising each new
# input for its default minute would eat the time.
set -eu
GO=${GO:-go}; FUZZTIME=${FUZZTIME:-10s}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# ended says whether nothing has failed but the end of the time: up to Go 1.26 that is a failure now and then, often on a
# busy machine (go.dev/issue/75804). Whatever an input does leaves other lines than these.
ended() {
  sed -n '/^--- FAIL/,$p' "$out" |
    awk 'NR == 2 && !/^ *context deadline exceeded$/ || NR > 2 && !/^(FAIL|exit status 1$)/ { bad = 1 } END { exit bad || NR < 3 }'
}

for file in $(grep -rlE '^func Fuzz' --include='*_test.go' internal cmd); do
  package=./$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    echo "fuzz $package $target for $FUZZTIME"
    if "$GO" test -tags "${TAGS:-}" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 20x "$package" >"$out" 2>&1; then
      cat "$out"
    elif ended; then
      sed '/^--- FAIL/,$d' "$out"
      echo "the time is over, no input failed"
    else
      cat "$out"
      exit 1
    fi
  done
done
