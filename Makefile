# pybench: `make bench` and `make test` set up what they need, then run.
#
#   make bench PYTHON=/path/to/python      another interpreter
#   make bench ARGS="-k refcount"          further options of pytest
#   make test-one ARGS=tests/docs         some tests on one interpreter
#
# Written for GNU make 3.81 (macOS) and later.

PYTHON ?= python3
ARGS ?=

# Prints the Python of the environment, or a message for a person and stops.
define checked
command -v "$(PYTHON)" >/dev/null 2>&1 || { \
    echo "There is no '$(PYTHON)' here. pybench needs CPython 3.11 or later:" \
         "install one, or say where it is: make $@ PYTHON=/path/to/python3" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
    echo "'$(PYTHON)' is not CPython 3.11 or later ($$("$(PYTHON)" --version 2>&1 | head -n 1))." \
         "Say where one is: make $@ PYTHON=/path/to/python3.13" >&2; exit 1; }; \
python=$$("$(PYTHON)" scripts/environment.py $(1)) || exit 1
endef

.PHONY: help setup bench test test-one reference lint clean

help:
	@echo 'make bench       set up, then pytest benchmarks/ --benchmark-only'
	@echo 'make test        set up, then the tests, on each kind of interpreter found'
	@echo 'make test-one    set up, then the tests that ARGS names, on one interpreter'
	@echo 'make reference   the kernels beside the same operations in plain C'
	@echo 'make lint        ruff, mypy, and C without warnings'
	@echo 'make setup       only set up; prints the Python of the environment'
	@echo 'make clean       remove what was built, the environments too'
	@echo
	@echo 'PYTHON=/path/to/python chooses the interpreter (now $(PYTHON)); ARGS="..." goes to pytest.'
	@echo 'make test also reads PYBENCH_PYTHONS, PYBENCH_REQUIRE, PYBENCH_FETCH: see scripts/test_matrix.py'

setup:
	@$(call checked); echo "$$python"

bench:
	@$(call checked); exec "$$python" -m pytest benchmarks/ --benchmark-only $(ARGS)

test:
	@$(call checked,--optional faces); exec "$$python" scripts/test_matrix.py -- $(ARGS)

test-one:
	@$(call checked,--optional host); exec "$$python" -m pytest $(ARGS)

reference:
	@$(call checked); exec "$$python" benchmarks/reference/run.py $(ARGS)

lint:
	@$(call checked,--group typing --group lint --optional faces); failed=0; \
	work="$$(dirname "$$python")/../lint"; \
	"$$python" -m ruff check . || failed=1; \
	"$$python" -m ruff format --check . || failed=1; \
	"$$python" -m mypy || failed=1; \
	MYPYPATH=src "$$python" -m mypy.stubtest _pybench || failed=1; \
	CFLAGS=-Werror "$$python" setup.py -q build_ext --build-lib "$$work" \
	    --build-temp "$$work" || failed=1; \
	exit $$failed

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
	rm -rf src/*.egg-info src/_pybench*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
