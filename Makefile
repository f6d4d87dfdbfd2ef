# `make demo` and `make test` do everything on a fresh machine; the rest is for working on Atelier.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ATELIER_DATA_DIR ?= data
export ATELIER_DATA_DIR
# One configuration for the program and its tests, so that nothing is built twice.
SWIFT_FLAGS := -c release
ATELIER := .build/release/atelier

.PHONY: help setup demo serve check test test-swift test-engine test-e2e test-browser screenshots chaos fuzz audit format lint bench bench-gateway bench-training bench-validation bench-search bench-ingest bench-quality bench-adapters bench-ablation clean

help:  ## List the commands.
	@grep -E '^[a-z0-9-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup:  ## Install what is missing: system packages, .venv, models, and build the server.
	@scripts/setup.sh

demo: setup  ## Train the sample minion, ask it, and keep serving (EXIT=1 leaves when done).
	@$(ATELIER) demo $(if $(EXIT),--exit) $(if $(PORT),--port $(PORT))

serve: setup  ## Run the server.
	@$(ATELIER) serve

check:  ## Lint and the quick tests of Swift and the engine: before each commit (under three minutes once built).
	@SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py --quick lint swift engine

test:  ## Every suite: Swift, Python, end to end, the page, demo. Ends with `N passed, N failed, N skipped`.
	@SETUP_TESTS=1 SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py

test-swift:  ## The Swift tests alone.
	@SETUP_TESTS=1 SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py swift

test-engine:  ## The engine's Python tests alone.
	@SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py engine

test-e2e: setup  ## The end-to-end tests alone.
	@SETUP_TESTS=1 SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py e2e

test-browser:  ## The page's tests alone, in a real Chromium.
	@SETUP_TESTS=1 scripts/setup.sh
	@.venv/bin/python scripts/run_tests.py browser

screenshots:  ## The pictures of docs/page.md, anew.
	@SETUP_TESTS=1 scripts/setup.sh
	@ATELIER_SCREENSHOTS=$(CURDIR)/docs/page .venv/bin/python -m pytest -q -p no:cacheprovider Tests/Browser -k pictured

chaos: setup  ## Thirty jobs while workers are killed, the database restarts and the disk fills (a quarter of an hour).
	@SETUP_TESTS=1 SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@CHAOS=full .venv/bin/python -m pytest -q -s -p no:cacheprovider Tests/EndToEnd/test_chaos.py

format:  ## Format the Swift sources in place.
	@swift format --in-place --parallel --recursive Sources Tests Package.swift

lint:  ## Check the format and the page's files without changing anything.
	@swift format lint --strict --parallel --recursive Sources Tests Package.swift
	@python3 scripts/page_lint.py

fuzz: setup  ## Hostile vendors, settings, archives, adapters and documents for half an hour (MINUTES=5, SEED=2).
	@.venv/bin/python Tests/EndToEnd/fuzz.py --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

audit:  ## Ask the advisory databases about every Python and Swift package (needs the network).
	@python3 scripts/supply.py audit

bench: bench-training bench-gateway bench-validation bench-search bench-ingest bench-quality bench-adapters  ## Every side-by-side benchmark.

bench-gateway:  ## The gateway against LiteLLM's proxy and a direct call (MILLION=1 adds the endurance run).
	@scripts/setup.sh
	@.venv/bin/python bench/gateway.py $(if $(MILLION),--million)

bench-training:  ## The trainer against TRL's SFTTrainer with PEFT.
	@SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python bench/training.py

bench-validation:  ## A million chat rows checked, against a Python json loop with the same checks.
	@scripts/setup.sh
	@.venv/bin/python bench/validation.py

bench-search:  ## Vector search and insertion against a ChromaDB server (minutes: embeds 12,000 sentences of each collection once).
	@scripts/setup.sh
	@.venv/bin/python bench/search.py

bench-ingest:  ## Indexing against the bare ONNX session on the same chunks.
	@scripts/setup.sh
	@.venv/bin/python bench/ingest.py

bench-quality:  ## Retrieval quality against a plain script with the same model.
	@scripts/setup.sh
	@.venv/bin/python bench/quality.py

bench-adapters:  ## A hundred adapters on one local server, against llama.cpp started by hand.
	@SETUP_SKIP_SWIFT=1 scripts/setup.sh
	@.venv/bin/python bench/adapters.py

bench-ablation:  ## What voice and knowledge buy on the samples, and on Shakespeare and Cranfield (half an hour: trains, indexes, measures).
	@scripts/setup.sh
	@.venv/bin/python bench/ablation.py

clean:  ## Remove what was built; keeps data/.
	@rm -rf .build .venv .setup
