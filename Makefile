# Every target does its own set-up in .venv. PYTHON picks the interpreter (3.11 or newer), VENV the folder.
PYTHON ?= python3
VENV ?= .venv
bin := $(VENV)/bin
# What reads programs; the methods themselves run through it.
SWITCHED := tests/transforms

.PHONY: demo test test-slow test-switches lint clean

demo: $(VENV)/.scripts
	$(bin)/python -m scripts.explain chelsea --out runs/demo

test: $(VENV)/.test
	$(bin)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(VENV)/.test
	$(bin)/python -m pytest -n 2 --dist loadfile -m slow

# The primitives that JAX is moving to, one at a time; older releases do not know them.
test-switches: $(VENV)/.test
	for switch in JAX_CUSTOM_JVP3 JAX_CUSTOM_VJP3 JAX_REMAT3 JAX_SCAN3; do \
	  env $$switch=1 $(bin)/python -m pytest -n 2 --dist loadfile -m "not slow" $(SWITCHED) || exit 1; \
	done

lint: $(VENV)/.lint
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/pyright --pythonpath $(bin)/python

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "jaxviz needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet "pip>=25.1"

$(VENV)/.scripts: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(bin)/python -m pip install -c constraints.txt -e . --group scripts
	touch $@

$(VENV)/.test: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(bin)/python -m pip install -c constraints.txt -e . --group test
	touch $@

# The type checker reads what is installed, so the tests' packages are needed too.
$(VENV)/.lint: $(VENV)/.test
	$(bin)/python -m pip install -c constraints.txt --group lint
	touch $@

clean:
	rm -rf $(VENV) runs
