# Inside a booted Debian: the unit installed, started, reloaded, upgraded and killed. See unit.sh.
set -eu
export HOME=/root XDG_RUNTIME_DIR=/run
ok() { echo "ok $*"; }
fail() { echo "FAIL $*"; systemctl status sluiced --no-pager --full || true; journalctl -u sluiced --no-pager -n 60 || true; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: $2, want $3"; }
property() { systemctl show -p "$1" --value sluiced.service; }
await() { # TEXT COMMAND…: until it is true
  what=$1
  shift
  for _ in $(seq 200); do
    if "$@" > /dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "not reached: $what"
}
active() { [ "$(property ActiveState)" = active ]; }
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
set -E

dpkg -i /work/debs/1.0.deb
is "after the installation" "$(property ActiveState)" inactive
echo secret | runuser -u sluice -- sluiced user add ann --password-stdin
systemctl start sluiced
is "started" "$(property ActiveState)" active
is "type" "$(property Type) $(property NotifyAccess)" "notify all"
property StatusText | grep -q '^ready: ' || fail "status text: $(property StatusText)"
ok "starts: READY after all workers ($(property StatusText))"

echo secret | sluice login sluice+plain://127.0.0.1 --user ann --password-stdin --name home
mkdir /tmp/tree
for n in $(seq 100); do head -c $((n * 300)) /dev/urandom > "/tmp/tree/$n"; done
head -c 30000000 /dev/urandom > /tmp/tree/large
sluice push /tmp/tree home:tree
ok "serves: a folder is pushed"

cat > /tmp/load.sh << 'LOAD'
n=0
while [ ! -e /tmp/stop ]; do
  n=$((n + 1))
  sluice put "/tmp/tree/$((n % 100 + 1))" "home:load-$((n % 20))" > /dev/null 2>> /tmp/load.errors || echo "put $n: $?" >> /tmp/failures
  sluice cat "home:tree/$((n % 100 + 1))" 2>> /tmp/load.errors | cmp - "/tmp/tree/$((n % 100 + 1))" || echo "cat $n" >> /tmp/failures
done
echo "$n" > /tmp/rounds
LOAD
: > /tmp/failures
bash /tmp/load.sh &
load=$!

main=$(property MainPID)
for _ in 1 2 3; do systemctl reload sluiced; done
is "main process after reloads" "$(property MainPID)" "$main"
sluiced status --json | grep -q '"generation":3' || fail "reloads: $(sluiced status --json)"
echo 'workrs = 3' >> /etc/sluice/sluiced.toml
if systemctl reload sluiced; then fail "a reload with a wrong configuration succeeded"; fi
is "after the refused reload" "$(property ActiveState) $(property MainPID)" "active $main"
sed -i '/workrs/d' /etc/sluice/sluiced.toml
ok "reloads: three times, and refuses a wrong configuration"

dpkg -i /work/debs/2.0.deb
await "another main process" sh -c "[ \$(systemctl show -p MainPID --value sluiced) != $main ]"
await "active" active
main=$(property MainPID)
is "the server's own word" "$(sluiced status --json | sed 's/^{"version":"[^"]*","pid":\([0-9]*\),"state":"ready".*/\1/')" "$main"
is "restarts" "$(property NRestarts)" 0
for _ in 1 2; do sluiced upgrade; done
await "active" active
is "restarts" "$(property NRestarts)" 0
ok "upgrades: by the package and by hand, without a restart"

touch /tmp/stop
wait $load
[ ! -s /tmp/failures ] || fail "calls failed: $(cat /tmp/failures /tmp/load.errors)"
ok "no call of a client failed in $(cat /tmp/rounds) rounds of put and cat meanwhile"

worker=$(sluiced status --json | sed 's/.*"workers":\[{[^}]*"pid":\([0-9]*\).*/\1/')
kill -9 "$worker"
await "all workers ready" sh -c "sluiced status --json | grep -q '\"deaths\":1' && ! sluiced status --json | grep -q '\"state\":\"starting\"'"
is "restarts" "$(property NRestarts)" 0
sluice cat home:tree/100 | cmp - /tmp/tree/100
ok "survives kill -9 of a worker"

kill -9 "$(property MainPID)"
await "one restart" sh -c '[ $(systemctl show -p NRestarts --value sluiced) = 1 ]'
await "active" active
sluice pull home:tree /tmp/back
diff -r /tmp/tree /tmp/back
ok "survives kill -9 of the server: nothing is lost"

mkdir -p /etc/systemd/system/sluiced.service.d
printf '[Service]\nWatchdogSec=4s\n' > /etc/systemd/system/sluiced.service.d/test.conf
systemctl daemon-reload
systemctl restart sluiced
before=$(property NRestarts)
kill -STOP "$(property MainPID)"
await "a restart by the watchdog" sh -c "[ \$(systemctl show -p NRestarts --value sluiced) -gt $before ]"
await "active" active
sluice ls home: > /dev/null
ok "is restarted by the watchdog when it stands still"

systemctl stop sluiced
is "stopped" "$(property ActiveState) $(property Result)" "inactive success"
systemctl start sluiced.socket
is "before the first connection" "$(property ActiveState)" inactive
sluice cat home:tree/large | cmp - /tmp/tree/large
is "after the first connection" "$(property ActiveState)" active
ok "is started by the first connection to sluiced.socket"

systemctl stop sluiced.socket sluiced.service
journalctl -u sluiced --no-pager | grep -i 'level=error' | grep -v 'configuration is refused\|a worker died' && fail "errors in the log"
dpkg -P sluice
test -e /var/lib/sluice/sluice.db
is "units after the purge" "$(systemctl list-unit-files 'sluiced*' --no-legend | wc -l)" 0
ok "purges: units gone, data kept"
echo 'all done'
