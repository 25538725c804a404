# Each of `make demo` and `make test` is enough on a machine with Python 3.11, make and git.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first Python that is new enough; `make PYTHON=/path/to/python demo` chooses another.
PYTHON ?= $(shell for p in python3.11 python3 python3.13 python3.12; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
OUT ?= out
PYTEST_ARGS ?=
# Processes of the default suite; a file's tests stay in one of them.
JOBS ?= 2

US := examples/us_plants
RECORDS ?= $(US)/us_plants_2010_2019.csv
MAPPING ?= $(US)/mapping.toml
PLAN ?= $(US)/plan.toml
# EXACT_ARGS="--backend federated" runs the same round under masks.
# Compares the releases in $(OUT)/exact with a plain computation.
EXACT_ORACLE ?= tests/exact/check_release.py
VECTOR_WRITER ?= tests.vectors.write_vectors

# Installs the part of the one lock that some groups need: hashes checked, nothing else let in.
# pip stops when the part is not closed, so nothing can come in without a hash.
define install
	@echo "Installing the locked packages of: $(1)"
	@$(BIN)/python tools/lock.py subset $(1) > $(VENV)/requirements.txt
	@$(PIP) install --require-hashes --only-binary=:all: -r $(VENV)/requirements.txt
endef

.PHONY: help demo flower-demo test check exact bench guide crash fuzz vectors proto lock format wheel clean distclean

help: ## show the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.sim ## run a whole round on this machine; the report is in out/demo
	$(BIN)/cefed demo --out $(OUT)/demo

flower-demo: $(VENV)/.flower ## run a whole certified round on a Flower SuperLink of its own, in out/flower-demo
	$(BIN)/cefed sim run --records examples/region_a/region_a.csv \
		--mapping examples/region_a/mapping.toml --plan examples/region_a/plan.toml \
		--backend federated --engine flower --out $(OUT)/flower-demo
	@echo "The release is in $(OUT)/flower-demo/release.json"

test: check ## every check and the default test suite (PYTEST_ARGS=... for more options)
	CEFED_TEST_POSTGRES_URL="$$($(BIN)/python tools/find_postgres.py)" \
		$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

check: $(VENV)/.dev ## style, types, import contracts, generated code, lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/generate_proto.py --check
	$(BIN)/python tools/lock.py check

exact: $(VENV)/.dev ## run ten years of US plants and compare each release with a plain computation
	$(BIN)/cefed sim run --records $(RECORDS) --mapping $(MAPPING) --plan $(PLAN) --out $(OUT)/exact \
		$(EXACT_ARGS)
	CEFED_EXACT_OUT=$(OUT)/exact $(BIN)/python -m pytest $(EXACT_ORACLE) $(PYTEST_ARGS)

bench: $(VENV)/.sim ## measure this machine
	$(BIN)/cefed bench crypto
	$(BIN)/cefed bench ingest

guide: $(VENV)/.dev ## follow docs/operating.md from nothing to a verified round
	$(BIN)/python -m pytest tests/guide $(PYTEST_ARGS)

crash: $(VENV)/.dev ## kill the roles 200 times on SQLite and 200 times on PostgreSQL
	$(BIN)/python -m tests.crash.run --kills 200 --database sqlite
	CEFED_TEST_POSTGRES_URL="$$($(BIN)/python tools/find_postgres.py)" \
		$(BIN)/python -m tests.crash.run --kills 200 --database postgres

fuzz: $(VENV)/.fuzz ## fuzz every decoder and the gRPC surface with a million inputs
	$(BIN)/python -m tests.fuzz.long --inputs 1000000

vectors: $(VENV)/.dev ## write the test vectors again
	$(BIN)/python -m $(VECTOR_WRITER)

proto: $(VENV)/.dev ## generate Python from protocols/wire/*.proto
	$(BIN)/python tools/generate_proto.py

lock: $(VENV)/.lock ## write requirements.lock (UPGRADE=1 moves to newer versions)
	$(BIN)/python tools/lock.py write --uv $(BIN)/uv $(if $(UPGRADE),--upgrade)

format: $(VENV)/.dev ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.sim ## build both wheels into dist/: everything, and the gateway alone
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python tools/build_gateway.py --out dist

clean: ## remove what the other targets wrote, but not .venv
	rm -rf $(OUT) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf $(VENV)

# ------------------------------------------------------------------------------- environment

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "cefed needs Python 3.11 or newer; none found on PATH." \
		"Name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "cefed needs Python 3.11 or newer; $(PYTHON) is older." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was installed from, so a second run installs nothing.
$(VENV)/.sim: requirements.lock pyproject.toml | $(VENV)/pyvenv.cfg
	@$(BIN)/python tools/lock.py check
	$(call install,sim build)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements.lock pyproject.toml $(VENV)/.sim
	$(call install,dev flower-sim)
	@touch $@

$(VENV)/.flower: requirements.lock pyproject.toml $(VENV)/.sim
	$(call install,flower-sim)
	@touch $@

$(VENV)/.fuzz: requirements.lock $(VENV)/.dev
	$(call install,fuzz)
	@touch $@

$(VENV)/.lock: | $(VENV)/pyvenv.cfg
	$(call install,lock)
	@touch $@
