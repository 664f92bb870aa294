# Each target does all its set-up; the second time that takes no time. What is set up, and how: bootstrap.sh.
# ARGS goes to the program: make test ARGS='-k mex', make lab ARGS='--name blue'. PYTHON chooses the interpreter.

.PHONY: help lab clients test lint docs bench setup clean
.NOTPARALLEL:
bin := .venv/bin
export PYTHON

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

# `exec`, so that Ctrl-C and SIGTERM reach the lab and not a shell in between.
lab: ## start the lab in the foreground; Ctrl-C stops all of it
	@./bootstrap.sh run
	@exec $(bin)/ssosim up $(ARGS)

clients: ## install the real clients, or those that ARGS names
	@./bootstrap.sh run
	@exec $(bin)/ssosim clients --install $(ARGS)

test: ## run the test suite
	@./bootstrap.sh dev
	@test -w . || readonly='-p no:cacheprovider'; exec $(bin)/python -m pytest $$readonly $(ARGS)

lint: ## style, format, types, import rules
	@./bootstrap.sh dev
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

docs: ## write the pages of docs/ that are made: sources, coverage, openapi.json
	@./bootstrap.sh dev
	@exec $(bin)/python docs/generate.py

bench: ## measure every figure that bench/README.md lists, two to three minutes
	@./bootstrap.sh dev
	@exec $(bin)/python bench/summary.py $(ARGS)

setup: ## only set up, for the lab and for tests
	@./bootstrap.sh dev

# The state and the caches, which may be anywhere, are ssosim's own to remove: it knows what it made, and which lab runs.
clean: ## remove the environment, real clients, caches and the lab's state
	@test -f bootstrap.sh -a -d ssosim/lab || { echo 'make clean: not in the checkout; use make -C' >&2; exit 2; }
	@if $(bin)/ssosim --version >/dev/null 2>&1; then exec $(bin)/ssosim clean; \
	else echo 'without the environment the state of labs stays; to remove it: make setup, then make clean'; fi
	rm -rf .venv .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
