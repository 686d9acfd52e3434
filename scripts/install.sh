#!/bin/sh
# Installs what is in bin/ below $DESTDIR: programs, units of the system and of its users, users and folders, manual pages,
# completions, documents and a commented configuration file. Called by `make install` and `make deb`.
set -eu
DESTDIR=${DESTDIR:-} PREFIX=${PREFIX:-/usr/local} SYSCONFDIR=${SYSCONFDIR:-/etc}
root=$DESTDIR$PREFIX
# Two builds of one commit give the same pages.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

for program in sluiced sluice; do
  install -D -m 0755 "bin/$program" "$root/bin/$program"
  install -d "$root/share/bash-completion/completions" "$root/share/zsh/site-functions" "$root/share/fish/vendor_completions.d"
  "bin/$program" completion bash > "$root/share/bash-completion/completions/$program"
  "bin/$program" completion zsh > "$root/share/zsh/site-functions/_$program"
  "bin/$program" completion fish > "$root/share/fish/vendor_completions.d/$program.fish"
done
bin/sluiced man "$root/share/man/man8"
bin/sluice man "$root/share/man/man1"
gzip -nf "$root"/share/man/man8/sluiced*.8 "$root"/share/man/man1/sluice*.1

install -d "$root/lib/systemd/system" "$root/lib/systemd/user"
for unit in packaging/systemd/*.* packaging/systemd/user/*.*; do
  case $unit in */user/*) manager=user ;; *) manager=system ;; esac
  sed "s|/usr/bin/|$PREFIX/bin/|; s|/etc/sluice|$SYSCONFDIR/sluice|" "$unit" > "$root/lib/systemd/$manager/${unit##*/}"
done
for kind in sysusers.d tmpfiles.d; do
  install -d "$root/lib/$kind"
  sed "s|/etc/sluice|$SYSCONFDIR/sluice|" "packaging/$kind/sluice.conf" > "$root/lib/$kind/sluice.conf"
done

doc=$root/share/doc/sluice
install -d "$doc/grafana" "$doc/prometheus"
install -m 0644 README.md CHANGELOG.md LICENSE docs/*.md "$doc"
install -m 0644 packaging/grafana/* "$doc/grafana"
install -m 0644 packaging/prometheus/rules.yml "$doc/prometheus"

# The folder is named, so that commands find it also where systemd does not say it; the rest is what holds anyway.
config=$DESTDIR$SYSCONFDIR/sluice/sluiced.toml
if [ -e "$config" ]; then
  echo "$config is there and stays as it is"
else
  install -d "${config%/*}"
  bin/sluiced config print --fresh | sed 's/^#data = /data = /' > "$config"
fi
