# Every target does its own set-up in .venv. PYTHON picks the interpreter (3.11 or newer), VENV the folder.
PYTHON ?= python3
VENV ?= .venv
bin := $(VENV)/bin

.PHONY: demo test test-slow test-switches test-least coverage docs release lint clean

demo: $(VENV)/.scripts
	$(bin)/python -m scripts.explain chelsea --out runs/demo

test: $(VENV)/.test
	$(bin)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(VENV)/.zoo
	$(bin)/python -m pytest -n 2 --dist loadfile -m slow

# The primitives that JAX is moving to, the three of derivatives together; older releases do not know them. Under JAX_SCAN3 jit drops the
# carry of a scan, which has neither gradient nor vmap (https://github.com/jax-ml/jax/issues/34161): tests of networks with a
# scan are left out until the two tests of that in tests/transforms/test_switches.py fail.
no_scan := not (families and scan) and not (control_flow and (scan or fori)) and not (every_library and scan) and not (tap_gradients and scan) and not (box_of_all and scan)
test-switches: $(VENV)/.test
	JAX_CUSTOM_JVP3=1 JAX_CUSTOM_VJP3=1 JAX_REMAT3=1 \
	  $(bin)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/transforms
	JAX_SCAN3=1 $(bin)/python -m pytest -n 2 --dist loadfile -m "not slow" -k "$(no_scan)" tests/transforms

# With the oldest versions that pyproject.toml allows.
test-least: $(VENV)-least/.least
	$(VENV)-least/bin/python -m pytest -n 2 --dist loadfile -m "not slow"

# Which lines of the library the quick tests run.
coverage: $(VENV)/.test
	$(bin)/python -m pip install -c constraints.txt --group coverage
	$(bin)/python -m pytest -n 2 --dist loadfile -m "not slow" --cov=jaxviz --cov-report=term

# The site, its examples and notebooks run: build/docs/index.html.
docs: $(VENV)/.docs
	$(bin)/python -m sphinx -W --keep-going -b html docs build/docs

# Builds what would be uploaded and checks it in an empty environment of each Python that is here. Nothing is uploaded.
named = $(foreach version,3.11 3.12 3.13 3.14,$(shell python$(version) -c "import sys; print(sys.prefix)" 2>/dev/null))
managed = $(patsubst %/bin/python,%,$(wildcard $(HOME)/.pyenv/versions/3.1[1-9].*/bin/python))
pythons = $(addsuffix /bin/python3,$(sort $(named) $(managed)))
release: $(VENV)/.release
	rm -rf dist build/empty
	$(bin)/python -m build --outdir dist .
	$(bin)/python -m twine check --strict dist/*
	for python in $(or $(pythons),$(PYTHON)); do for file in dist/*.whl dist/*.tar.gz; do \
	  rm -rf build/empty && $$python -m venv build/empty && build/empty/bin/python -m pip install --quiet $$file && \
	  build/empty/bin/python -P tests/installed.py || exit 1; \
	done; done
	@echo "Built and checked, not uploaded: dist/"

lint: $(VENV)/.lint
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/vulture
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

$(VENV)-least/.least: pyproject.toml
	$(PYTHON) -m venv $(VENV)-least
	$(VENV)-least/bin/python -m pip install --quiet uv
	$(VENV)-least/bin/uv pip install --python $(VENV)-least/bin/python --resolution lowest-direct -e . --group test
	touch $@

# The slow tests explain models of other packages too.
$(VENV)/.zoo: $(VENV)/.test
	$(bin)/python -m pip install -c constraints.txt -e . --group zoo
	touch $@

$(VENV)/.docs: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(bin)/python -m pip install -c constraints.txt -e . --group docs
	touch $@

$(VENV)/.release: $(VENV)/bin/pip pyproject.toml
	$(bin)/python -m pip install -c constraints.txt --group release
	touch $@

# The type checker reads what is installed, so the tests' packages are needed too.
$(VENV)/.lint: $(VENV)/.test
	$(bin)/python -m pip install -c constraints.txt --group lint
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-least runs build .coverage
