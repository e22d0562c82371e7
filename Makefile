# berth: `make quickstart` sets up and runs a first container, `make test` runs all tests.

GO          ?= go
BUILD       ?= build
TAGS        := netgo osusergo urfave_cli_no_docs
VERSION     ?= 0.1.0-dev
COMMIT      ?= $(shell git describe --always --dirty --abbrev=12 2>/dev/null)
PACKAGE     := github.com/berth-oci/berth/runtime/command
DATE        ?= $(shell git log -1 --format=%cd --date=format:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
LDFLAGS     := -s -w -X $(PACKAGE).Version=$(VERSION) -X $(PACKAGE).Commit=$(COMMIT) -X $(PACKAGE).Date=$(DATE)
STATIC      := -linkmode external -extldflags -static
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PREFIX      ?= /usr/local
FREEBSD     := amd64 arm64
JAILS       := ./backends/jail/... ./runtime/command
TESTHOST    := integration/testhost/testhost
# These suites run inside a test host. Everything else runs where make does.
SUITES      := engines lifecycle operate
UNIT         = $(shell $(GO) list ./... | grep -v -E '/integration/($(subst $(eval ) ,|,$(SUITES)))$$')

.PHONY: help build install deb setup quickstart test lint freebsd unit integration whole bench soak coverage clean
.DEFAULT_GOAL := build

# berth is one static file with libseccomp and libc linked in.
build:
	@mkdir -p $(BUILD)
	CGO_ENABLED=1 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS) $(STATIC)' -o $(BUILD)/berth .
	@for b in lxc pct crun runc; do ln -sf berth $(BUILD)/berth-$$b; done

install: build
	install -D -m 0755 $(BUILD)/berth $(DESTDIR)$(PREFIX)/bin/berth
	for b in lxc pct crun runc; do ln -sf berth $(DESTDIR)$(PREFIX)/bin/berth-$$b; done

# This makes a Debian package in build/. The same commit gives the same bytes.
deb: build
	rm -rf $(BUILD)/deb
	$(GO) run ./docs/manual -man $(BUILD)/deb/man -completion $(BUILD)/deb/completion
	BUILD=$(BUILD) VERSION=$(subst -,~,$(VERSION)) SOURCE_DATE_EPOCH=$(shell git log -1 --format=%ct) ARCH=$(shell $(GO) env GOARCH) \
		$(GO) run $(NFPM) package --config .deb/nfpm.yaml --packager deb --target $(BUILD)/berth.deb

# This installs what building and testing need from Debian.
setup:
	@GO=$(GO) exec integration/setup

quickstart:
	@GO=$(GO) exec integration/quickstart $(BUILD)

test: setup lint unit integration

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(MAKE) --no-print-directory freebsd
	$(GO) run $(STATICCHECK) ./...
	shellcheck -x -P SCRIPTDIR integration/suites integration/unit integration/cover integration/lib.sh integration/setup integration/v2 \
		integration/quickstart integration/deb $(TESTHOST) .ci/run \
		integration/engines/scenario.sh

# For FreeBSD: vet berth, build it as one static file that needs no dynamic loader, and compile the
# tests of the jail backend's packages. Nothing of it runs here.
freebsd:
	@echo 'freebsd: vet'
	@GOOS=freebsd CGO_ENABLED=0 $(GO) vet ./...
	@for a in $(FREEBSD); do \
		echo "freebsd/$$a: build"; \
		GOOS=freebsd GOARCH=$$a CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BUILD)/freebsd-$$a/berth . && \
		readelf -lW $(BUILD)/freebsd-$$a/berth | awk '/LOAD/ { ok = 1 } /INTERP|DYNAMIC/ { ok = 0; exit } END { exit !ok }' && \
		mkdir -p $(BUILD)/freebsd-$$a/tests && \
		GOOS=freebsd GOARCH=$$a CGO_ENABLED=0 $(GO) test -c -ldflags '-s -w' -o $(BUILD)/freebsd-$$a/tests/ $(JAILS) || exit 1; \
	done

unit:
	@mkdir -p $(BUILD) && rm -f $(BUILD)/unsteady
	@GO=$(GO) UNSTEADY=$(BUILD)/unsteady exec integration/unit $(UNIT)
	@GO=$(GO) UNSTEADY=$(BUILD)/unsteady exec integration/unit -race $(UNIT)

integration: build
	integration/suites $(BUILD)

# This runs each test of the engines with each runtime and takes twice as long.
whole: build
	integration/suites --whole $(BUILD)

bench: build
	integration/suites --bench $(BUILD)

# This takes half an hour: 10000 containers, 16 at a time, and 300 at once.
soak: build
	integration/suites --soak $(BUILD)

# This measures what of berth runs in unit tests and the main suites together. See
# integration/cover.
coverage:
	integration/cover $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make quickstart    set everything up and run a first container on the best backend of this host'
	@echo 'make test          set everything up and run all tests, as CI does'
	@echo 'make               build/berth and its names berth-lxc, berth-pct, berth-crun, berth-runc'
	@echo 'make install       install them below PREFIX, /usr/local by default'
	@echo 'make deb           build/berth.deb, a Debian package'
	@echo 'make setup         install what building and testing need from Debian'
	@echo 'make lint unit integration    the parts of make test'
	@echo 'make freebsd       vet and build for FreeBSD'
	@echo 'make whole         the suites with each test of the engines under each runtime'
	@echo 'make bench         the benchmark beside crun and runc'
	@echo 'make soak          10000 lives of containers, 16 at a time, and 300 at once'
	@echo 'make coverage      which part of the code the tests run'
	@echo 'make clean         remove build/'
