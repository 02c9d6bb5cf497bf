# make up: run Licet on this machine.  make test: run the tests.  make help: everything else.
# Needs Python 3.11 to 3.14; another than the one found is given by PYTHON=…

VENV := .venv
BIN := $(VENV)/bin
MEMBERS := libs/events libs/chassis libs/cli \
	services/credentials services/certifications services/scheduler services/notifier
PROJECTS := $(MEMBERS:%=%/pyproject.toml)
CODE := libs services tests
JOBS ?= 3
ARGS ?=
UV ?= uv

.PHONY: help up test check format generate bench chaos compose-demo lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make up        start Licet here and show its events; ARGS="--data DIR" keeps data'
	@echo 'make test      run the tests that need nothing but PyPI; ARGS=… goes to pytest'
	@echo 'make check     lint, types, import rules, generated files'
	@echo 'make format    format the code'
	@echo 'make generate  regenerate schemas, AsyncAPI, OpenAPI and reference'
	@echo 'make bench     run the benchmarks; ARGS=… selects some'
	@echo 'make chaos     kill processes, cut connections, erase; check that all services still agree'
	@echo 'make compose-demo  run the demo on Docker Compose from end to end'
	@echo 'make lock      update the locked requirements (needs uv)'
	@echo 'make clean     remove the virtual environment and caches'

up: export LICET_ENDS_WITH_PARENT = 1
up: $(VENV)/run.stamp
	@$(BIN)/licet up $(ARGS)

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m 'not faults' $(ARGS)

check: $(VENV)/dev.stamp
	@echo 'ruff …' && $(BIN)/ruff check $(CODE) && $(BIN)/ruff format --check --quiet $(CODE)
	@echo 'mypy …' && $(BIN)/mypy
	@echo 'import rules …' && $(BIN)/lint-imports --no-logo 2>&1 | tail -n 3 && $(BIN)/lint-imports >/dev/null
	@echo 'generated files …' && $(BIN)/python -m licet_events.generate --check \
	    && $(BIN)/python -m licet_cli.openapi --check \
	    && $(BIN)/python -m licet_cli.settings_table --check \
	    && $(BIN)/python -m licet_cli.enrolment_statuses --check

format: $(VENV)/dev.stamp
	@$(BIN)/ruff format $(CODE) && $(BIN)/ruff check --fix --quiet $(CODE)

generate: $(VENV)/dev.stamp
	@$(BIN)/python -m licet_events.generate && $(BIN)/python -m licet_cli.openapi \
	    && $(BIN)/python -m licet_cli.settings_table && $(BIN)/python -m licet_cli.enrolment_statuses

bench: $(VENV)/dev.stamp
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m faults tests/integration
	@$(BIN)/python -m pytest -q -s tests/chaos $(ARGS)

compose-demo: $(VENV)/run.stamp
	@deploy/try-compose

# The virtual environment. A stamp marks a set of requirements as installed; dev includes run.

$(VENV)/python.stamp:
	@python=; for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	    then python=$$candidate; break; fi; \
	    if [ -n "$(PYTHON)" ]; then break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'Licet needs Python 3.11, 3.12, 3.13 or 3.14 with its modules venv and ensurepip (on Debian and' \
	        'Ubuntu the package python3-venv). None was found; make PYTHON=/path/to/python3.13 names one.' >&2; \
	    exit 1; \
	fi; \
	echo "making $(VENV) with $$($$python --version) …"; \
	$$python -m venv --clear $(VENV) && touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements/run.txt $(PROJECTS)
	@$(call install,run,$@)

$(VENV)/dev.stamp: $(VENV)/python.stamp requirements/dev.txt $(PROJECTS)
	@$(call install,dev,$@) && touch $(VENV)/run.stamp

# Third-party packages need hashes; the members are installed from this repository.
install = \
	total=$$(grep -c '==' requirements/$(1).txt); echo "installing up to $$total packages …"; \
	rm -f $(2); \
	{ $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
	    --require-hashes -r requirements/$(1).txt \
	  && echo 'Members' \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	    --no-deps --no-build-isolation $(MEMBERS:%=-e ./%) \
	  && touch $(2); } \
	| awk '/^Collecting/ && ++n % 10 == 0 { print "  " n; fflush() } \
	       /^Installing/ { print "  unpacking …"; fflush() } \
	       /^Members/ { print "  members of this repository …"; fflush() }'; \
	test -e $(2)

# Locks with hashes, for every platform and every Python from 3.11 to 3.14; names no index.
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url $(foreach name,events chassis cli credentials certifications \
	scheduler notifier,--no-emit-package licet-$(name))

lock:
	@$(LOCK) requirements/dev.in -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt requirements/run.in -o requirements/run.txt
	@$(LOCK) -c requirements/dev.txt requirements/image.in -o requirements/image.txt
	@$(LOCK) -c requirements/dev.txt requirements/build.in -o requirements/build.txt

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
