# One target a job; each is a script that also runs by itself. `make help` lists them.
.PHONY: help demo check test soak bench bench-full bench-check lint mutants install clean
.DEFAULT_GOAL := help

PREFIX ?= /usr/local

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

demo: ## install, build, and show coffer on a real model and a real volume (<= 6 minutes)
	scripts/demo

check: ## the inner loop: incremental build, unit and conformance tests (<= 4 minutes)
	scripts/check

test: ## everything CI runs: both compilers, sanitizers, peers, install test (<= 45 minutes)
	scripts/test

soak: ## the same tests with big counts, and fuzzing (an hour)
	scripts/soak

bench: ## the headline benchmarks (a quarter of an hour); SUITE=name for one suite
	scripts/bench $(SUITE)

bench-full: ## every cell of the comparison with the peers (<= 60 minutes)
	FULL=1 scripts/bench compare s3

bench-check: ## instruction counts against the checked-in baseline (<= 5 minutes, once built)
	scripts/bench-check

lint: ## format, clang-tidy, ruff, mypy, shellcheck, include arrows, lengths
	scripts/lint

mutants: ## seeded bugs, each of which a named test must catch (<= 20 minutes)
	scripts/mutants

install: ## build for release and install under PREFIX
	cmake -S . -B build/install -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
	cmake --build build/install
	cmake --install build/install --prefix $(PREFIX)

clean: ## remove every build folder (the Python environment stays)
	rm -rf build
