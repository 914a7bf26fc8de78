# The commands of this repository. Everything that they make lies in bin/ and .firn/, both ignored.
.PHONY: build demo test bench lint fmt clean

# Both programs and all tests with the same flags, so that what they share is compiled once. The shim must be static.
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath -tags=netgo,osusergo

SHIM_LDFLAGS = -s -w -linkmode external -extldflags "-static"

build: bin/firn bin/firn-shim

# Go's own cache decides what is out of date.
.PHONY: bin/firn bin/firn-shim
bin/firn:
	CGO_ENABLED=1 go build -o $@ ./cmd/firn
# Static: it is bound into containers with another libc.
bin/firn-shim:
	CGO_ENABLED=1 go build -ldflags '$(SHIM_LDFLAGS)' -o $@ ./cmd/firn-shim

demo:
	bash demo/run.sh

test: build
	bash integration/environments.sh
	go test -timeout 35m ./...

bench: build
	bash integration/environments.sh
	bash bench/run.sh

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go tool staticcheck ./...

fmt:
	gofmt -w $$(git ls-files '*.go')

clean:
	rm -rf bin .firn
