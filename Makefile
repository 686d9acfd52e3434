# The targets that authors, reviewers and CI run. See CONTRIBUTING.md.

GO      ?= go
# osusergo, netgo: no C library look-ups, so that static linking is whole. sqlite_fts5: names are searched by it later.
TAGS    := osusergo netgo sqlite_fts5 sqlite_omit_load_extension
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATIC  := -linkmode external -extldflags -static -X main.version=$(VERSION)
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
export CGO_ENABLED := 1
# SQLite syncs by fsync unless it is told that fdatasync works, and then a commit waits for the file system's journal too.
export CGO_CFLAGS := -O2 -g -DHAVE_FDATASYNC=1
# One set of flags for programs and tests: SQLite, which takes a minute or two, is then compiled once for both.
export GOFLAGS := -trimpath -buildvcs=false

# A package that takes longer than its budget has grown a load that belongs in torture.
TEST_BUDGET ?= 540s
FUZZTIME    ?= 10s

.PHONY: build demo test race race-e2e lint fuzz e2e torture bench install deb test-unit clean

build:
	$(GO) build -tags '$(TAGS)' -ldflags '$(STATIC)' -o bin/sluiced ./cmd/fileserver
	$(GO) build -tags '$(TAGS)' -ldflags '$(STATIC)' -o bin/sluice ./cmd/client

# A server on an embedded database in a temporary folder, a real folder up and back. DIR= chooses the folder.
demo: build
	@DIR='$(DIR)' GO='$(GO)' sh scripts/demo.sh

# The models draw the same changes each time; torture draws others.
test race: export RAPID_SEED ?= 20261122

test:
	$(GO) test -tags '$(TAGS)' -timeout $(TEST_BUDGET) ./...

# The packages in one process each. race-e2e is the same for the built programs, which takes ten minutes more.
race:
	$(GO) test -race -tags '$(TAGS)' -timeout 1200s $$($(GO) list ./... | grep -v -e /torture -e /e2e)

race-e2e:
	$(GO) test -race -tags '$(TAGS)' -timeout 1800s ./internal/e2e/

lint:
	@fmt=$$(gofmt -l cmd internal); if [ -n "$$fmt" ]; then echo "gofmt -w these: $$fmt"; exit 1; fi
	$(GO) vet -tags '$(TAGS)' ./...
	$(GO) tool staticcheck -tags '$(TAGS)' ./...
	sh scripts/lint.sh

# Every fuzz target for FUZZTIME; go test -fuzz takes one at a time.
fuzz:
	GO='$(GO)' TAGS='$(TAGS)' FUZZTIME='$(FUZZTIME)' sh scripts/fuzz.sh

e2e:
	$(GO) test -tags '$(TAGS)' -count=1 -v -timeout 600s ./internal/e2e/

# The long rounds: the same tests with SLUICE_TORTURE set, so that they go on for longer. SHARE=0.1 does a tenth.
torture:
	SLUICE_TORTURE=$(or $(SHARE),1) $(GO) test -tags '$(TAGS)' -count=1 -v -p 1 -timeout 10800s ./internal/torture/ ./internal/e2e/ ./internal/store/ ./internal/db/ ./internal/mirror/ ./internal/reconcile/

# QUICK=1 ends within 5 minutes; PLOTS=1 draws what was measured; CONGESTION= names another congestion control than the system's.
bench: build
	$(GO) run -tags '$(TAGS)' ./internal/bench/cmd $(if $(QUICK),-quick) -out bench-out
	$(if $(PLOTS),$(GO) run -tags '$(TAGS)' ./internal/bench/cmd plot -from bench-out/bench.txt -to docs/plots)

# Everything an installed server needs, below DESTDIR; then, as root: systemd-sysusers, systemd-tmpfiles --create.
install: build
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' sh scripts/install.sh

# A Debian package in dist/.
deb: build
	@GO='$(GO)' VERSION='$(VERSION)' sh scripts/deb.sh

# Boots a Debian of its own and installs, starts, reloads, upgrades and kills there; says why where it cannot. As root.
test-unit: deb
	@sh scripts/unit.sh

clean:
	rm -rf bin bench-out dist
