#!/bin/sh
# Starts a server on an embedded database in a temporary folder, logs in, sends a folder up, brings it back, compares the
# two, keeps two small folders in step, and leaves nothing behind. DIR chooses the folder; by default the Go source tree, else a tree it makes.
set -eu
bin=$(pwd)/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo.XXXXXX")
server=
finish() {
  status=$?
  if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  if [ $status -ne 0 ] && [ -s "$work/log" ]; then echo "the server's log:" >&2; tail -n 20 "$work/log" >&2; fi
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# The client's configuration, state and cache stay in the temporary folder too.
export XDG_CONFIG_HOME="$work/config" XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache" XDG_RUNTIME_DIR="$work"

dir=${DIR:-}
if [ -z "$dir" ]; then
  dir=$("${GO:-go}" env GOROOT 2>/dev/null)/src
  if [ ! -d "$dir" ]; then
    dir=$work/tree
    i=0
    while [ $i -lt 400 ]; do
      mkdir -p "$dir/folder$((i % 20))/deep"
      head -c $((i * 97)) /dev/urandom > "$dir/folder$((i % 20))/deep/file $i"
      i=$((i + 1))
    done
    head -c 20000000 /dev/urandom > "$dir/large"
  fi
fi
dir=$(cd "$dir" && pwd -P)

echo "1. a server in $work/data"
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | "$bin/sluiced" user add demo --password-stdin --data "$work/data"
"$bin/sluiced" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
address=
tries=0
while [ -z "$address" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ]; then echo "the server did not come up" >&2; exit 1; fi
  if ! kill -0 "$server" 2>/dev/null; then echo "the server ended" >&2; exit 1; fi
  sleep 0.05
  address=$("$bin/sluiced" status --json --data "$work/data" 2>/dev/null |
    sed -n 's/.*"listen":\["\([^"]*\)".*/\1/p') || true
done
echo "   it listens on $address, with $(nproc) workers"

echo "2. log in"
printf '%s\n' "$password" | "$bin/sluice" login "sluice+plain://$address" --user demo --password-stdin --name home

echo "3. send $dir up: $(find "$dir" -type f | wc -l) files"
"$bin/sluice" push "$dir" home:demo

echo "4. bring it back"
"$bin/sluice" pull home:demo "$work/back"

echo "5. compare"
diff -r --no-dereference "$dir" "$work/back"
(cd "$dir" && find . ! -type l -printf '%P %y %m %T@\n' | sort) >"$work/there"
(cd "$work/back" && find . ! -type l -printf '%P %y %m %T@\n' | sort) >"$work/here"
diff "$work/there" "$work/here"
echo "   identical: every byte, name, mode and time"

echo "6. send it up again: nothing changed"
"$bin/sluice" push "$dir" home:demo

echo "7. keep two folders in step: a file from each to the other, and one that is changed"
mkdir "$work/one" "$work/two"
echo "from one" >"$work/one/a"
echo "from two" >"$work/two/b"
"$bin/sluice" sync "$work/one" home:docs
"$bin/sluice" sync "$work/two" home:docs
echo "changed in two" >>"$work/two/a"
"$bin/sluice" sync "$work/two"
"$bin/sluice" sync "$work/one"
diff -r "$work/one" "$work/two"
echo "   identical; with --watch they stay so"

cat <<EOF

That was Sluice. To keep a server of your own:

    make install
    sluiced user add YOU               # makes /var/lib/sluice and asks for a password
    sluiced &
    sluice login sluice+plain://127.0.0.1 --user YOU
    sluice sync ~/docs home:docs --watch

README.md goes on with two machines. Nothing of this demo is left.
EOF
