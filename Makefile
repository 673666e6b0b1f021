# `make demo` and `make test` are all that a new user needs: each makes what it lacks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check bench screenshots backbones conformance package package-check package-twice deb-check wheel \
  wheel-check lock install clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(BIN)/xferviewer demo

test: $(INSTALLED)
	sh packaging/test-programs
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

screenshots: $(INSTALLED)
	$(BIN)/python -m pytest tests/gui/test_screenshots.py tests/gui/test_film_pictures.py -k pictured \
	  --screenshots=docs/screenshots

# Every backbone from random weights to a map, and their table in docs/checkpoints.md. About 6 GB of memory.
backbones: $(INSTALLED)
	$(BIN)/python -m pytest tests/engine/test_backbones.py --every-backbone

# What real files prove about transfer syntaxes, colour and SOP classes, as docs/conformance.md. Needs dcmtk and gdcm's tools.
conformance: $(INSTALLED)
	$(BIN)/python -m tests.integration.conformance

# dist/: the bundle in one folder, an archive of it, SHA256SUMS, and what packaging/make-deb makes of it.
package: $(INSTALLED) $(VENV)/.packagers
	$(BIN)/python packaging/build.py

# The bundle as its users have it: no Python, no checkout, no network. As root, or where user namespaces are allowed.
package-check: $(INSTALLED)
	$(BIN)/python -m pytest tests/packaged

# Whether two builds of this commit are the same, file by file.
package-twice: $(INSTALLED) $(VENV)/.packagers
	$(BIN)/python packaging/build.py --no-archive
	mkdir -p build && cp dist/xferviewer/xferviewer.files build/first.files
	$(BIN)/python packaging/build.py --no-archive
	diff build/first.files dist/xferviewer/xferviewer.files

# The package in a clean Debian, from its installation to its removal. As root, with debootstrap, Xvfb, xdotool, 20 GB of disk.
deb-check: $(INSTALLED)
	$(BIN)/python -m pytest tests/installed -x

# dist/: the sdist, and the wheel of what is in the sdist.
wheel: $(INSTALLED)
	rm -f dist/xferviewer-*.tar.gz dist/xferviewer-*.whl
	$(BIN)/python -m hatchling build --target sdist --directory dist
	$(BIN)/python -m pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation --no-index \
	  --wheel-dir dist dist/xferviewer-*.tar.gz

wheel-check: $(INSTALLED)
	PYTHON=$(BIN)/python packaging/check-wheel

install: $(INSTALLED)

$(VENV)/.packagers: packaging/requirements.lock $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --requirement $<
	touch $@

$(INSTALLED): requirements.lock pyproject.toml packaging/system-libraries
	sh packaging/system-libraries
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --no-index --editable .
	touch $@

# Pins the newest set inside the ranges of pyproject.toml, for every platform, with hashes and without naming an index.
lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --upgrade --group dev --quiet --output-file requirements.lock pyproject.toml
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --upgrade --group package --constraint requirements.lock --quiet --output-file packaging/requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
