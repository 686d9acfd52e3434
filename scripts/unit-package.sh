# Inside a Debian without a running systemd: install, upgrade, remove and purge of the package. See unit.sh.
set -eu
ok() { echo "ok $*"; }
is() { [ "$2" = "$3" ] || { echo "FAIL $1: $2, want $3"; exit 1; }; }

dpkg -i /work/debs/1.0.deb
is "folder of the configuration" "$(stat -c '%U:%G %a' /etc/sluice)" "root:sluice 750"
is "configuration" "$(stat -c '%U:%G %a' /etc/sluice/sluiced.toml)" "root:sluice 640"
is "credentials" "$(stat -c '%U:%G %a' /etc/sluice/credentials)" "root:root 700"
is "data" "$(stat -c '%U:%G %a' /var/lib/sluice)" "sluice:sluice 700"
sluiced version && sluice version
test -s /usr/share/man/man8/sluiced.8.gz || test -e /etc/dpkg/dpkg.cfg.d/excludes
ok "installs: user, folders and modes are there"

echo secret | { ! sluiced user add ann --password-stdin 2> /tmp/refused; }
grep -q 'runuser -u sluice' /tmp/refused
echo secret | runuser -u sluice -- sluiced user add ann --password-stdin
is "database" "$(stat -c '%U' /var/lib/sluice/sluice.db)" sluice
runuser -u nobody -- sluiced config check | grep -q 'no configuration file'
ok "accounts: not as root, as the service's user; nobody else is bound by the system's configuration"

echo '# mine' >> /etc/sluice/sluiced.toml
dpkg -i /work/debs/2.0.deb
is "version" "$(dpkg-query -W -f '${Version}' sluice)" 2.0
grep -q '# mine' /etc/sluice/sluiced.toml
runuser -u sluice -- sluiced user list | grep -q ann
is "configuration" "$(stat -c '%U:%G %a' /etc/sluice/sluiced.toml)" "root:sluice 640"
ok "upgrades: configuration and accounts are kept"

dpkg -r sluice
test ! -e /usr/bin/sluiced
test -e /etc/sluice/sluiced.toml
test -e /var/lib/sluice/sluice.db
ok "removes: programs gone, configuration and data kept"

dpkg -i /work/debs/2.0.deb
runuser -u sluice -- sluiced user list | grep -q ann
dpkg -P sluice | grep 'data in /var/lib/sluice'
test ! -e /etc/sluice
test -e /var/lib/sluice/sluice.db
ok "purges: configuration gone, data kept and named"
