#!/bin/sh
# Rules that no general linter knows. Each names its reason.
set -eu
status=0
# refuse NAME REASON PATTERN: no line of the programs may match, unless it says lint:allow and why.
refuse() {
  found=$(git ls-files '*.go' | grep -v '_test\.go$' | xargs -r grep -nE "$3" | grep -v 'lint:allow' || true)
  if [ -n "$found" ]; then printf '%s: %s\n%s\n' "$1" "$2" "$found"; status=1; fi
}
refuse 'Fd()' 'puts the shared description into blocking mode; use SyscallConn or own raw descriptors' '\.Fd\(\)'
refuse 'RawSyscall' 'keeps the scheduler from running others' 'RawSyscall'
refuse 'gjson numbers' 'gjson lets -1, 1.9, 1e3 and 23 digits through; read the raw text' '\.(Int|Uint|Float)\(\)[^{]*// *gjson'
refuse 'fmt.Print' 'commands write to the streams they are given' '^[^/]*fmt\.Print(f|ln)?\('
large=$(git ls-files '*.go' | grep -v _test.go | xargs -r wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }')
if [ -n "$large" ]; then printf 'files past 600 lines (look for the second thing inside):\n%s\n' "$large"; status=1; fi
exit $status
