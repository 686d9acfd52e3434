#!/bin/sh
# Makes dist/sluice_VERSION_ARCH.deb from bin/. DEB_VERSION overrides the version, for tests of upgrades.
set -eu
GO=${GO:-go}
version=${VERSION:-unknown} version=${version#v}
case $version in
[0-9]*.[0-9]*) ;;
# No release: older than any, newer than the commit before.
*) version="0~$(git log -1 --format=%cd --date=format:%Y%m%d.%H%M%S 2>/dev/null || date -u +%Y%m%d.%H%M%S).$version" ;;
esac
DEB_VERSION=${DEB_VERSION:-$(printf %s "$version" | tr -c 'A-Za-z0-9.+~' '+')}
ARCH=$($GO env GOARCH)
MAINTAINER=${MAINTAINER:-$(git log -1 --format='%an <%ae>' 2>/dev/null || echo 'Sluice maintainers <root@localhost>')}
export DEB_VERSION ARCH MAINTAINER
rm -rf dist/root
DESTDIR=dist/root PREFIX=/usr SYSCONFDIR=/etc sh scripts/install.sh
$GO tool nfpm package --config packaging/nfpm.yaml --packager deb --target dist/
