#!/bin/sh
# `make test-unit`: boots a Debian of its own in a container and tries the package and the unit there. What cannot run on
# this machine is skipped by name, with exit code 0. The base system is made once, in $UNIT_CACHE.
set -eu
skip() { echo "SKIP test-unit: $*"; exit 0; }
cache=${UNIT_CACHE:-/var/tmp/sluice-unit}
[ "$(id -u)" = 0 ] || skip "needs root"
command -v debootstrap > /dev/null || skip "needs debootstrap: apt-get install debootstrap"
command -v systemd-nspawn > /dev/null || skip "needs systemd-nspawn: apt-get install systemd-container"

if [ ! -e "$cache/base/etc/debian_version" ]; then
  mkdir -p "$cache"
  rm -rf "$cache/base.part"
  echo "making a Debian in $cache/base, once"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$cache/base.part" > "$cache/log" 2>&1 ||
    skip "debootstrap made no base system: $(tail -n 1 "$cache/log")"
  mv "$cache/base.part" "$cache/base"
fi

work=$(mktemp -d /var/tmp/sluice-unit-run.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debs"
# Two packages of the same programs, one newer.
for version in 1.0 2.0; do
  rm -f dist/sluice_"$version"_*.deb
  DEB_VERSION=$version sh scripts/deb.sh > /dev/null
  mv dist/sluice_"$version"_*.deb "$work/debs/$version.deb"
done
cp scripts/unit-package.sh scripts/unit-booted.sh "$work"
cat > "$work/sluice-test.service" << 'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/bash /work/unit-booted.sh
StandardOutput=file:/work/booted.log
StandardError=file:/work/booted.log
TimeoutStartSec=4min
UNIT

# An overlay in memory: the base stays as it is. A network of its own: the usual port is free there.
container() {
  systemd-nspawn --quiet --directory="$cache/base" --volatile=overlay --private-network --register=no --keep-unit \
    --machine="sluice-unit-$$" --bind="$work:/work" "$@" < /dev/null
}
container /bin/true > "$work/try.log" 2>&1 || skip "systemd-nspawn runs nothing here: $(tail -n 1 "$work/try.log")"

echo "package without a running systemd"
container /bin/bash /work/unit-package.sh > "$work/package.log" 2>&1 || { cat "$work/package.log"; echo "FAIL test-unit: package"; exit 1; }
grep '^ok ' "$work/package.log"

echo "unit in a booted Debian"
timeout 300 systemd-nspawn --quiet --boot --directory="$cache/base" --volatile=overlay --private-network --register=no --keep-unit \
  --machine="sluice-unit-$$" --bind="$work:/work" --bind-ro="$work/sluice-test.service:/etc/systemd/system/sluice-test.service" \
  systemd.wants=sluice-test.service > "$work/boot.log" 2>&1 < /dev/null || true
[ -e "$work/booted.log" ] || skip "the container does not boot here: $(tail -n 3 "$work/boot.log")"
grep '^ok ' "$work/booted.log" || true
if ! grep -q '^all done$' "$work/booted.log"; then
  cat "$work/booted.log"
  echo "FAIL test-unit: booted"
  exit 1
fi
echo "PASS test-unit"
