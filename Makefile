# The commands people type. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help demo up console build base tools test lint fmt localstack-test deploy openapi docs bench bench-engine soak clean

# `make demo PROFILE=release` and so on: slower to build, faster to run.
PROFILE ?= dev
ADE = $$(local/dev/target-dir $(PROFILE))/ade

help: ## List these commands
	@echo "ADE turns messy spreadsheets into clean, auditable workbooks."
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: build base ## Build everything, clean a messy workbook with it, show what happened
	@$(ADE) demo

up: console build base ## Run ADE on this machine: http://127.0.0.1:8000, until Ctrl-C
	@$(ADE) up

console: ## Build the web console, which `make build` then embeds (needs Node)
	@local/dev/step "Building the console" local/dev/console build

build: ## Build the ade command and every function
	@local/dev/prerequisites
	@local/dev/step "Building ade and its functions" \
		cargo build --locked --profile $(PROFILE) --workspace --bins

base: ## Make the base environment: Python with the engine
	@local/dev/prerequisites
	@local/dev/base

tools: ## Get uv, which installs the dependencies of configs
	@local/dev/prerequisites
	@functions/executor/base/ensure-uv .ade/tools

test: ## Run every test and check there is
	@local/dev/test

localstack-test: base ## Test with LocalStack: its DynamoDB and S3, and the deployment
	@local/dev/localstack-test

deploy: ## Deploy to AWS: make deploy ARGS="--stack ade --plan"
	@local/dev/prerequisites
	@cargo run --locked --quiet --package ade-local --bin ade -- deploy $(ARGS)

lint: ## Check formatting, Rust, Python and shell
	@local/dev/test lint

fmt: ## Format the Rust code
	@cargo fmt --all

openapi: ## Write docs/openapi.json from the handlers, and what is made from it: infra's files, the console's types
	@UPDATE=1 cargo test --locked --workspace --lib openapi_document
	@UPDATE=1 cargo test --locked --workspace --lib infra_files
	@local/dev/test template
	@local/dev/console types

docs: ## Write docs/settings.md, docs/permissions.md and docs/events.md from what they are about
	@UPDATE=1 cargo test --locked --workspace --lib settings
	@UPDATE=1 cargo test --locked --workspace --test it stack::pages::page_of

soak: build base ## Kill, starve and interrupt ADE for many minutes
	@local/dev/step "Soaking" env ADE_TEST_RUNS=1000 ADE_TEST_FAULT_SECONDS=60 ADE_TEST_CASES=500 \
		cargo test --locked --workspace --lib --test it -- --nocapture recovery:: faults:: model::

bench: base ## Measure a release build through its front door
	@local/dev/step "Building a release" cargo build --locked --release --workspace --bins --bench stack
	@cargo bench --locked --workspace --bench stack

bench-engine: ## Measure the engine beside a bare copy of the same workbooks, and what hostile files cost
	@local/dev/prerequisites
	@local/dev/step "Building the copy" cargo build --locked --profile engine -p ade-workbook --example copy
	@$(MAKE) base
	@local/dev/test-env
	@.ade/base/bin/python functions/executor/engine/bench/bench.py --copy "$$(local/dev/target-dir engine)/examples/copy"
	@echo
	@.ade/test-env/bin/python functions/executor/engine/bench/hardening.py --python .ade/base/bin/python

clean: ## Remove what was built; data in .ade stays
	@cargo clean
	@rm -rf .ade/wheels .ade/test-env
