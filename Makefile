# Everything one does with a checkout; `make` alone lists it. The work is in scripts/ and CMake.
.DEFAULT_GOAL := help
.PHONY: help build run test e2e e2e-slow bench bench-peers bench-backlog fuzz sim crash asan tsan \
        format format-check tidy lint lint-quick coverage install clean

SEEDS ?= 1-1000
FUZZ_SECONDS ?= 60
ROUNDS ?= 200
SUITES ?=
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
export SEEDS FUZZ_SECONDS ROUNDS SUITES

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

build: ## Build the release binary, build/release/polymq
	@scripts/install-packages build
	@scripts/build release polymq

run: build ## Install what is missing, build, start the broker (ARGS="--amqp-port 5673")
	@scripts/run $(ARGS)

test: ## Prove it: unit tests, simulation, header and room checks, real clients end to end
	@scripts/test

e2e: build ## Real clients against the release binary (SUITES="python go", BROKER=rabbitmq)
	@scripts/install-packages test $(if $(filter rabbitmq,$(BROKER)),peers)
	@tests/e2e/run $(SUITES)

e2e-slow: build ## Real clients, rules of minutes by the real clock: takes about six minutes
	@scripts/install-packages test
	@scripts/e2e-slow

bench: ## Micro benchmarks (ARGS="--benchmark_filter=...")
	@scripts/install-packages build
	@scripts/bench $(ARGS)

bench-peers: build ## The same load on Debian's RabbitMQ in turns (ARGS="--repeats 5")
	@scripts/install-packages peers
	@bench/peers/run $(ARGS)

bench-backlog: build ## Deep, interleaved, steady backlogs on disk (ARGS="deep --messages 1000000")
	@bench/backlog/run $(if $(ARGS),$(ARGS),--help)

fuzz: ## Every fuzz target for FUZZ_SECONDS=60 (ARGS="NAME..." for some of them)
	@scripts/install-packages build
	@scripts/fuzz $(ARGS)

sim: ## Simulate the engine with SEEDS=1-1000
	@scripts/install-packages build
	@scripts/sim debug

crash: build ## kill -9 under load, restart, count: ROUNDS=200 with SEEDS=1 (SEEDS="1 2 3")
	@scripts/install-packages test
	@SEEDS="$(if $(filter file,$(origin SEEDS)),1,$(SEEDS))" scripts/crash $(ARGS)

asan: ## Unit tests, simulation and clients under address and undefined-behavior sanitizers
	@scripts/install-packages build test
	@scripts/sanitize asan

tsan: ## The same under the thread sanitizer
	@scripts/install-packages build test
	@scripts/sanitize tsan

format: ## Format the C++ sources in place
	@scripts/install-packages test
	@scripts/sources c++ | xargs -0 clang-format-19 -i

format-check: ## Fail if a C++ source is not formatted
	@scripts/sources c++ | xargs -0 clang-format-19 --dry-run --Werror

tidy: ## Fail if a house rule is broken: room directions, purpose lines, links (tests/tidy)
	@tests/tidy/tidy.py

lint: lint-quick ## All linters: clang-tidy, shellcheck, codespell
	@scripts/lint

lint-quick: ## The linters that need no build: shellcheck, codespell
	@scripts/install-packages test
	@scripts/sources shell | xargs -0 shellcheck -x
	@scripts/sources text | xargs -0 codespell

coverage: ## Line coverage of engine and amqp091 by unit tests, simulation and clients
	@scripts/install-packages build test
	@scripts/coverage

install: build ## Install below PREFIX=/usr/local (DESTDIR for packaging)
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" scripts/install

clean: ## Remove everything that was built
	rm -rf build
