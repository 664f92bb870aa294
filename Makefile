# Each target installs its requirements first (bootstrap.sh); if they are installed already, that takes no time.
# ARGS is passed to the program: make test ARGS='-k mex', make lab ARGS='--name blue'. PYTHON selects the interpreter.
# JOBS is the number of processes of tests, by default that of the processors; JOBS=0: in one process, for a debugger.

.PHONY: help lab clients test test-fast lint docs site bench fuzz mutations rule-mutations coverage nightly oracle-dns soak setup bare requirements \
        dist sbom clean
.NOTPARALLEL:
bin := .venv/bin
release := .venv/release/bin
export PYTHON
JOBS ?= auto
pytest := -m pytest -n $(JOBS) --dist loadfile

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

# `exec`, so that Ctrl-C and SIGTERM go to the lab and not to a shell.
lab: ## start the lab in the foreground; Ctrl-C stops all of it
	@./bootstrap.sh run
	@exec $(bin)/ssosim up $(ARGS)

clients: ## install the real clients, or those in ARGS
	@./bootstrap.sh run
	@exec $(bin)/ssosim clients --install $(ARGS)

test: ## run the test suite, in as many processes as there are processors; JOBS=1
	@./bootstrap.sh dev
	@test -w . || readonly='-p no:cacheprovider'; exec $(bin)/python $(pytest) $$readonly $(ARGS)

test-fast: ## run the tests of the pure parts: no sockets, no programs, no root
	@./bootstrap.sh dev
	@exec $(bin)/python $(pytest) -p tests.pure $(ARGS)

coverage: ## measure lines and branches of the pure parts by their own tests, against a floor
	@./bootstrap.sh dev
	@$(bin)/coverage run -m pytest -q -p tests.pure $(ARGS)
	@exec $(bin)/coverage report

lint: ## style, format, types, import rules
	@./bootstrap.sh dev
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

docs: ## write the generated pages of docs/: sources, coverage, openapi.json
	@./bootstrap.sh dev
	@exec $(bin)/python docs/generate.py

site: .venv/release/.ready ## build all pages as a site in dist/site; a broken link is an error
	@exec $(release)/python docs/site.py

oracle-dns: ## compare DNS answers with named and unbound, about ten minutes
	@./bootstrap.sh dev
	@exec $(bin)/python -m tests.dns.oracle.run $(ARGS)

bench: ## run every benchmark of bench/README.md, about five minutes
	@./bootstrap.sh dev
	@exec $(bin)/python bench/summary.py $(ARGS)

fuzz: ## fuzz every parser for five minutes; ARGS='--seconds 60'
	@./bootstrap.sh dev
	@exec $(bin)/python -m fuzz.run $(ARGS)

mutations: ## remove each check and claim of the identity provider: a test must notice; ARGS='700016'
	@./bootstrap.sh dev
	@exec $(bin)/python -m fuzz.mutations $(ARGS)

rule-mutations: ## change judge, measures, tokens, gate, SPN rules and acceptor: tests must notice nine of ten; ARGS='gate'
	@./bootstrap.sh dev
	@exec $(bin)/python -m fuzz.rule_mutations $(ARGS)

soak: ## run a lab under mixed load for an hour, then 500 kill cycles; judge memory and leftovers
	@./bootstrap.sh dev
	$(bin)/python bench/soak.py $(ARGS)
	SSOSIM_KILL_CYCLES=500 $(bin)/python -m pytest -q tests/lab/test_kill_cycles.py

nightly: ## all that continuous integration plays a sample of, about six hours
	@exec .ci/nightly

setup: ## only install the requirements of the lab and of tests
	@./bootstrap.sh dev

bare: ## only install what needs no lab: models, DNS tools, reports; no root, no compiler
	@./bootstrap.sh bare

requirements: .venv/release/.ready ## write requirements/*.txt, with hashes; ARGS='--upgrade'
	@exec $(release)/python requirements/update.py $(ARGS)

dist: ## build wheel and sdist in dist/; the same source gives the same bytes
	@./bootstrap.sh dev
	@exec $(bin)/python -m hatchling build

sbom: .venv/release/.ready ## write the bill of materials and the licences of ssosim[lab] to dist/
	@exec $(release)/python requirements/bill_of_materials.py

# The tools of a release have an environment of their own: tests do not need them.
.venv/release/.ready: requirements/release.txt
	@./bootstrap.sh dev
	@rm -rf .venv/release && $(bin)/python -m venv .venv/release
	@$(release)/pip install -q --no-deps --require-hashes --only-binary :all: -r requirements/release.txt
	@touch $@

# ssosim itself removes its state and caches, which may be anywhere: it knows what it created, and which labs run.
clean: ## remove the environment, real clients, caches and the lab's state
	@test -f bootstrap.sh -a -d ssosim/lab || { echo 'make clean: not in the checkout; use make -C' >&2; exit 2; }
	@if $(bin)/ssosim --version >/dev/null 2>&1; then exec $(bin)/ssosim clean; \
	else echo 'the state of labs is kept, since ssosim is not installed; to remove it: make setup, then make clean'; fi
	rm -rf .venv .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
